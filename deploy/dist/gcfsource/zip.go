package gcfsource

import (
	"archive/zip"
	"io"
	"io/fs"
	"os"
	"time"
)

// written is the time of every entry: the earliest that the format knows.
var written = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// zipDir packs a directory. fs.WalkDir visits in lexical order, and the entries
// have neither the times nor the owners of the files, so that equal content
// gives equal bytes.
func zipDir(w io.Writer, dir string) error {
	archive := zip.NewWriter(w)
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: written}
		header.SetMode(0o644)
		into, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = into.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}
