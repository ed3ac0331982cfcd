package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/pem"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// base is what the program needs of an operating system, which is what
// distroless/static holds: certificates, time zones, a user, a folder for
// temporary files. It is made here from two things that have a version, so that
// it is the same on each machine and no registry is needed: the certificates of
// Mozilla's store are a module in go.mod, the time zones come with Go.
func base(zoneinfo string, t time.Time) (v1.Layer, error) {
	zones, err := timeZones(zoneinfo)
	if err != nil {
		return nil, fmt.Errorf("make the base: %w", err)
	}
	files := slices.Concat(users(), zones, []file{{name: "etc/ssl/certs/ca-certificates.crt", body: certificates()}})
	layer, err := layerOf(files, t)
	if err != nil {
		return nil, fmt.Errorf("make the base: %w", err)
	}
	return layer, nil
}

// file of a layer; a name that ends with / is a folder. Mode 0 is what all may
// read, and owner 0 is root.
type file struct {
	name  string
	mode  int64
	owner int
	body  []byte
}

// User is who the program runs as, by number: Kubernetes can tell that it is not root.
const User = "65532:65532"

const user = 65532

func users() []file {
	return []file{
		{name: "etc/passwd", body: []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")},
		{name: "etc/group", body: []byte("root:x:0:\nnonroot:x:65532:\n")},
		{name: "home/nonroot/", mode: 0o700, owner: user},
		{name: "tmp/", mode: 0o1777},
	}
}

// certificates are Mozilla's, but for those that are trusted in part: a file of
// certificates cannot say in which.
func certificates() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			// A bytes.Buffer takes everything.
			_ = pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return all.Bytes()
}

func timeZones(archive string) ([]file, error) {
	zones, err := zip.OpenReader(archive)
	if err != nil {
		return nil, fmt.Errorf("read the time zones: %w", err)
	}
	defer zones.Close()
	var files []file
	for _, zone := range zones.File {
		if strings.HasSuffix(zone.Name, "/") {
			continue
		}
		body, err := content(zone)
		if err != nil {
			return nil, fmt.Errorf("read time zone %s: %w", zone.Name, err)
		}
		files = append(files, file{name: "usr/share/zoneinfo/" + zone.Name, body: body})
	}
	return files, nil
}

func content(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// withFolders adds the folders in which the files are, in the order of a tree.
func withFolders(files []file) []file {
	there := map[string]bool{"": true, "./": true}
	for _, f := range files {
		there[f.name] = true
	}
	for _, f := range slices.Clone(files) {
		for dir := path.Dir(strings.TrimSuffix(f.name, "/")) + "/"; !there[dir]; dir = path.Dir(strings.TrimSuffix(dir, "/")) + "/" {
			there[dir] = true
			files = append(files, file{name: dir})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return files
}

// header holds nothing of the machine that builds.
func (f file) header(t time.Time) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.name, Mode: cmp.Or(f.mode, 0o644), Size: int64(len(f.body)),
		Uid: f.owner, Gid: f.owner, ModTime: t.UTC().Truncate(time.Second), Format: tar.FormatPAX,
	}
	if strings.HasSuffix(f.name, "/") {
		h.Typeflag, h.Mode = tar.TypeDir, cmp.Or(f.mode, 0o755)
	}
	return h
}
