// Command cmd writes the source archive of the Cloud Function. It is run in the
// root of the repository.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/packetboat/packetboat/deploy/dist/gcfsource"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	out := flag.String("o", "function.zip", "the archive")
	var o gcfsource.Options
	flag.StringVar(&o.Tags, "tags", "", "build tags: slim,gcp leaves out what needs another cloud's SDK")
	flag.StringVar(&o.Version, "version", "", "that the function reports")
	flag.StringVar(&o.Config, "config", "", "a configuration to pack as config.yaml")
	flag.Parse()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	o.Root = root
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := gcfsource.Write(context.Background(), f, o); err != nil {
		return err
	}
	return f.Close()
}
