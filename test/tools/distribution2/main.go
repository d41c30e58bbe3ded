// The reference registry of the 2.8 line, which Harbor contains and many organisations still run. Its own command imports rsc.io/letsencrypt,
// which the module proxy no longer has; so this command serves the same handlers, from a folder.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/docker/distribution/configuration"
	_ "github.com/docker/distribution/registry/auth/htpasswd"
	_ "github.com/docker/distribution/registry/auth/token"
	"github.com/docker/distribution/registry/handlers"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
)

func main() {
	file, err := os.Open(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	config, err := configuration.Parse(file)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(config.HTTP.Addr, handlers.NewApp(context.Background(), config)))
}
