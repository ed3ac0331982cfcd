package dist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// SumsFile is the list of checksums, as `sha256sum --check` reads it.
const SumsFile = "SHA256SUMS"

// WriteSums lists all files of a folder but itself, in the order of their names.
func WriteSums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list checksums: %w", err)
	}
	var list strings.Builder
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == SumsFile {
			continue
		}
		sum, err := sum(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("list checksums: %w", err)
		}
		fmt.Fprintf(&list, "%s  %s\n", sum, e.Name())
	}
	if err := os.WriteFile(filepath.Join(dir, SumsFile), []byte(list.String()), 0o644); err != nil {
		return fmt.Errorf("list checksums: %w", err)
	}
	return nil
}

func sum(path string) (string, error) {
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
