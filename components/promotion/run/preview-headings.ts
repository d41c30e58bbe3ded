/** The lines by which a preview begins its lists: the report on a pull request finds the lists by them. */
export const previewHeadings = {
  attachments: "What production gains (+) and loses (-) attached to images:",
  trust: "Who signed and built the new images:",
} as const;
