import assert from "node:assert/strict";
import { afterEach, describe, it } from "mocha";
import { startTrace, traceTo } from "../../../../components/promotion/http/trace.ts";

describe("a line of the trace", () => {
  afterEach(() => traceTo(undefined));
  const line = (method: string, url: string, attempt: number, result: Parameters<Traced["end"]>[0]): string => {
    const lines: string[] = [];
    traceTo((text) => lines.push(text));
    startTrace(method, url, attempt)!.end(result);
    assert.equal(lines.length, 1);
    return lines[0]!.replace(/ ms=\d+ /, " ms=N ");
  };
  type Traced = NonNullable<ReturnType<typeof startTrace>>;

  it("names method, host, path, status, time, bytes and try", () => {
    assert.equal(
      line("GET", "https://registry.example:5000/v2/a/b/tags/list?n=1000", 1, { status: 200, received: 340 }),
      "trace: GET registry.example:5000 /v2/a/b/tags/list?n=1000 status=200 ms=N sent=0 received=340 try=1",
    );
  });

  it("says why there was no response", () => {
    assert.equal(
      line("PUT", "https://a.example/x", 3, { error: new Error("read\nECONNRESET"), sent: 12 }),
      'trace: PUT a.example /x status=- ms=N sent=12 received=- try=3 error="read ECONNRESET"',
    );
  });

  it("shows no secret: of the query only what is known to be harmless, no user information", () => {
    assert.equal(
      line(
        "GET",
        "https://user:password@s3.example/b/k?partNumber=2&uploadId=u&X-Amz-Signature=abc&X-Amz-Credential=c&x-id=UploadPart",
        1,
        { status: 200 },
      ),
      "trace: GET s3.example /b/k?partNumber=2&x-id=UploadPart&... status=200 ms=N sent=0 received=- try=1",
    );
    assert.equal(
      line("PUT", "https://gcs.example/upload?uploadType=resumable&upload_id=secret", 1, { status: 308 }),
      "trace: PUT gcs.example /upload?uploadType=resumable&... status=308 ms=N sent=0 received=- try=1",
    );
  });

  it("is one line, whatever the URL holds", () => {
    assert.equal(
      line("GET", "https://a.example/%0A::error::?prefix=a%0A%1Bb%20c", 1, { status: 404 }),
      "trace: GET a.example /%0A: :error: :?prefix=a%20b%20c status=404 ms=N sent=0 received=- try=1",
    );
  });
});

it("a request is written once, and nothing after tracing has been switched off", () => {
  const lines: string[] = [];
  traceTo((text) => lines.push(text));
  const trace = startTrace("GET", "https://a.example/", 1)!;
  trace.end({ status: 200 });
  trace.end({ error: new Error("later") });
  assert.equal(lines.length, 1);
  traceTo(undefined);
  assert.equal(startTrace("GET", "https://a.example/", 1), undefined);
});
