package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Bytes is a size in bytes. In a file it is a number, or a number with a unit:
// 1MiB and 1Mi are 1048576, 1MB and 1M are 1000000.
type Bytes int64

// UnmarshalText takes the spellings above.
func (b *Bytes) UnmarshalText(text []byte) error {
	parts := byteSize.FindStringSubmatch(string(text))
	if parts == nil {
		return errByteSize
	}
	unit := strings.TrimSuffix(parts[2], "B")
	if unit == "K" {
		unit = "k" // as Kubernetes' quantities spell 1000
	}
	q, err := resource.ParseQuantity(parts[1] + unit)
	if err != nil || q.CmpInt64(1<<62) > 0 {
		return errByteSize
	}
	*b = Bytes(q.Value())
	return nil
}

var (
	byteSize    = regexp.MustCompile(`^([0-9]{1,18}(?:\.[0-9]{1,9})?) ?((?:[kKMGT]i?)?B?)$`)
	errByteSize = errors.New(`want a size in bytes such as 1048576, 1MiB or 500KB`)
)

func inBytes(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.4g KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
