// Package sbom lists the parts of a Go binary as SPDX 2.3 JSON: the modules and
// the Go release that the linker wrote into it, so that the list cannot differ
// from what was linked.
//
// The same binary and options give the same bytes. Of may be called concurrently.
package sbom

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// Part is what a binary comes with, beside what is linked into it.
type Part struct{ Name, Version, PURL string }

// Options say what the binary is called.
type Options struct {
	Name, Version string
	Time          time.Time // of the commit
	With          []Part
}

type document struct {
	Version     string         `json:"spdxVersion"`
	License     string         `json:"dataLicense"`
	ID          string         `json:"SPDXID"`
	Name        string         `json:"name"`
	Namespace   string         `json:"documentNamespace"`
	Packages    []part         `json:"packages"`
	Relations   []relationship `json:"relationships"`
	CreatedInfo creation       `json:"creationInfo"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type part struct {
	ID        string     `json:"SPDXID"`
	Name      string     `json:"name"`
	Version   string     `json:"versionInfo"`
	Location  string     `json:"downloadLocation"`
	Analyzed  bool       `json:"filesAnalyzed"`
	Declared  string     `json:"licenseDeclared"`
	Concluded string     `json:"licenseConcluded"`
	Copyright string     `json:"copyrightText"`
	Purpose   string     `json:"primaryPackagePurpose,omitempty"`
	Checksums []checksum `json:"checksums,omitempty"`
	External  []external `json:"externalRefs"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type external struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	documentID = "SPDXRef-DOCUMENT"
	mainID     = "SPDXRef-main"
	unknown    = "NOASSERTION"
)

// Of lists the parts of a binary.
func Of(binary string, o Options) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	sum, err := sumOf(binary)
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	first := newPart(mainID, o.Name, o.Version, golang(info.Main.Path, o.Version))
	first.Declared, first.Purpose = "Apache-2.0", "APPLICATION"
	first.Checksums = []checksum{{"SHA256", sum}}
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: documentID, Name: o.Name + "-" + o.Version,
		// A document's name is its own: the binary's sum makes it so.
		Namespace:   "https://github.com/packetboat/packetboat/spdx/" + sum,
		CreatedInfo: creation{o.Time.UTC().Format(time.RFC3339), []string{"Tool: packetboat-deploy-dist", "Organization: packetboat"}},
		Packages:    []part{first},
		Relations:   []relationship{{documentID, "DESCRIBES", mainID}},
	}
	for i, p := range append(linked(info), o.With...) {
		id := fmt.Sprintf("SPDXRef-part-%d", i)
		d.Packages = append(d.Packages, newPart(id, p.Name, p.Version, p.PURL))
		d.Relations = append(d.Relations, relationship{mainID, "CONTAINS", id})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	return append(text, '\n'), nil
}

// linked are the Go release and the modules, in the order of their names.
func linked(info *debug.BuildInfo) []Part {
	release := strings.TrimPrefix(info.GoVersion, "go")
	parts := []Part{Module("stdlib", release)}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, Module(m.Path, m.Version))
	}
	return parts
}

// Module is a module of Go.
func Module(path, version string) Part { return Part{path, version, golang(path, version)} }

// golang is a module's package URL. In its version a + would be a space.
func golang(module, version string) string {
	return "pkg:golang/" + module + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func newPart(id, name, version, purl string) part {
	return part{
		ID: id, Name: name, Version: version, Location: unknown, Declared: unknown, Concluded: unknown, Copyright: unknown,
		External: []external{{"PACKAGE-MANAGER", "purl", purl}},
	}
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
