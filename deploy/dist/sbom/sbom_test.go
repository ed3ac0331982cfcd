package sbom_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/dist/sbom"
)

// program is one that has modules linked into it, which a test has not.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dist")
	said, err := exec.Command("go", "build", "-o", path, "../cmd/dist").CombinedOutput()
	require.NoError(t, err, "%s", said)
	return path
}

// The list has what the linker says, and nothing twice.
func TestOf(t *testing.T) {
	o := sbom.Options{
		Name: "packetboat", Version: "v1.2.3", Time: time.Date(2026, 11, 23, 1, 2, 3, 0, time.FixedZone("", 3600)),
		With: []sbom.Part{{Name: "base", Version: "1", PURL: "pkg:generic/base@1"}},
	}
	binary := program(t)
	text, err := sbom.Of(binary, o)
	require.NoError(t, err)
	again, err := sbom.Of(binary, o)
	require.NoError(t, err)
	assert.Equal(t, text, again)

	var d struct {
		SPDXVersion  string
		CreationInfo struct{ Created string }
		Packages     []struct {
			SPDXID, Name, VersionInfo string
			ExternalRefs              []struct{ ReferenceLocator string }
		}
		Relationships []struct{ SPDXElementID, RelationshipType, RelatedSPDXElement string }
	}
	require.NoError(t, json.Unmarshal(text, &d))
	assert.Equal(t, "SPDX-2.3", d.SPDXVersion)
	assert.Equal(t, "2026-11-23T00:02:03Z", d.CreationInfo.Created)

	info, err := buildinfo.ReadFile(binary)
	require.NoError(t, err)
	require.NotEmpty(t, info.Deps)
	want := map[string]string{"packetboat": "v1.2.3", "base": "1", "stdlib": info.GoVersion[len("go"):]}
	for _, m := range info.Deps {
		want[m.Path] = m.Version
	}
	found, ids := map[string]string{}, map[string]bool{}
	for _, p := range d.Packages {
		found[p.Name] = p.VersionInfo
		ids[p.SPDXID] = true
		require.Len(t, p.ExternalRefs, 1)
	}
	assert.Equal(t, want, found)
	assert.Len(t, ids, len(want), "each has an ID of its own")
	assert.Len(t, d.Relationships, len(want))
	assert.Equal(t, "pkg:generic/base@1", d.Packages[len(d.Packages)-1].ExternalRefs[0].ReferenceLocator)
}

func TestVersionInAPackageURL(t *testing.T) {
	assert.Equal(t, "pkg:golang/github.com/docker/cli@v29.7.2%2Bincompatible", sbom.Module("github.com/docker/cli", "v29.7.2+incompatible").PURL)
}

func TestWhatIsNoBinary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	_, err := sbom.Of(path, sbom.Options{})
	require.ErrorContains(t, err, "list parts: ")
}
