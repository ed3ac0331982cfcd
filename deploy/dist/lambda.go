package dist

import (
	"archive/zip"
	"compress/flate"
	"context"
	"io"
	"os"
)

// lambda is a function for the runtime provided.al2023, which starts the file
// bootstrap at the top of the archive.
func (b *Builder) lambda(name string, t target) artefact {
	return artefact{name, func(ctx context.Context, path string) error {
		bootstrap, err := b.binaries.path(ctx, t)
		if err != nil {
			return err
		}
		return b.zip(path, bootstrap)
	}}
}

func (b *Builder) zip(path, bootstrap string) error {
	in, err := os.Open(bootstrap)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	archive := zip.NewWriter(out)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: b.Time.UTC()}
	header.SetMode(0o755)
	file, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, in); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return out.Close()
}
