// Command cmd serves the function on this machine or in a container. FUNCTION_TARGET
// names the function, Run or RunEvent; PORT is 8080 unless it is set.
package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/packetboat/packetboat/entrypoints/cloudfunction" // registers the functions
)

func main() {
	host := ""
	if os.Getenv("LOCAL_ONLY") == "true" {
		host = "127.0.0.1"
	}
	if err := funcframework.StartHostPort(host, cmp.Or(os.Getenv("PORT"), "8080")); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}
