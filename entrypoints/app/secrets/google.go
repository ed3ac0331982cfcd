//go:build !slim || gcp

package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

var (
	errAnswer   = errors.New("the answer is none of Secret Manager's")
	errChecksum = errors.New("the value was damaged on the way: its checksum is another")
)

type google struct{ google fetch.Google }

// secretManager is the global endpoint; a regional secret is at its region's.
func secretManager(name string) string {
	if _, rest, regional := strings.Cut(name, "/locations/"); regional {
		location, _, _ := strings.Cut(rest, "/")
		return "https://secretmanager." + location + ".rep.googleapis.com"
	}
	return "https://secretmanager.googleapis.com"
}

func (g *google) googleSecret(ctx context.Context, endpoint, name string) (document, error) {
	if endpoint == "" {
		endpoint = secretManager(name)
	}
	// 64 KiB are the most that a version holds; in base64 and with names around it that is less than 1 MiB.
	body, _, err := g.google.Get(ctx, endpoint+"/v1/"+name+":access", maxBytes)
	if err != nil {
		return nil, fetch.Explain("secretmanager.versions.access, which roles/secretmanager.secretAccessor has", err)
	}
	var version struct {
		Payload struct {
			Data       []byte
			DataCRC32C string // an int64, as JSON of Google's has it
		}
	}
	if json.Unmarshal(body, &version) != nil {
		return nil, errAnswer
	}
	data := version.Payload.Data
	if want := version.Payload.DataCRC32C; want != "" {
		sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		if want != strconv.FormatUint(uint64(sum), 10) {
			return nil, errChecksum
		}
	}
	return text(data), nil
}
