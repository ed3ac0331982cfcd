//go:build !slim || gcp

package configsource

import (
	"context"
	"net/url"
	"os"
	"strings"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func gcsObject(bucket, name string) reader {
	var google fetch.Google
	return func(ctx context.Context, known string) (content, error) {
		query := url.Values{"alt": {"media"}}
		if known != "" {
			query.Set("ifGenerationNotMatch", known)
		}
		address := storage() + "/storage/v1/b/" + url.PathEscape(bucket) + "/o/" + url.PathEscape(name) + "?" + query.Encode()
		data, header, err := google.Get(ctx, address, config.MaxBytes)
		if err != nil {
			return content{}, fetch.Explain("storage.objects.get, which roles/storage.objectViewer has", err)
		}
		if data == nil {
			return content{same: true, version: known}, nil
		}
		return content{data: data, version: header.Get("X-Goog-Generation")}, nil
	}
}

// storage is where Cloud Storage is: Google's own, or the emulator that its
// client libraries know by this variable.
func storage() string {
	emulator := os.Getenv("STORAGE_EMULATOR_HOST")
	switch {
	case emulator == "":
		return "https://storage.googleapis.com"
	case strings.Contains(emulator, "://"):
		return strings.TrimSuffix(emulator, "/")
	}
	return "http://" + emulator
}
