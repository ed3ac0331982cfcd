package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// DeadLetterVersion is the format of a stored dead letter that this program
// writes.
const DeadLetterVersion = 1

// MaxDeadLetter is the largest stored dead letter in bytes. An event of an API
// server, at most 1.5 MiB, always fits.
const MaxDeadLetter = 16 << 20

// ErrBadDeadLetter says that something lies where a dead letter belongs and is
// none that this program can read or delete.
var ErrBadDeadLetter = errors.New("not a dead letter that can be read")

type storedDeadLetter struct {
	Version int `json:"version"`
	DeadLetter
}

// EncodeDeadLetter is the stored form: JSON on one line. It refuses what
// DecodeDeadLetter would refuse. A Body with which it would be larger than
// MaxDeadLetter is left out: it can be rendered again.
func EncodeDeadLetter(d DeadLetter) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("encode dead letter: %w", err)
	}
	b, err := json.Marshal(storedDeadLetter{DeadLetterVersion, d})
	if err == nil && len(b) >= MaxDeadLetter && d.Body != nil {
		d.Body = nil
		b, err = json.Marshal(storedDeadLetter{DeadLetterVersion, d})
	}
	if err == nil && len(b) >= MaxDeadLetter {
		err = fmt.Errorf("it has %d bytes without its body, at most %d are stored", len(b)+1, MaxDeadLetter)
	}
	if err != nil {
		return nil, fmt.Errorf("encode dead letter: %w", err)
	}
	return append(b, '\n'), nil
}

// DecodeDeadLetter reads the stored form of what lies under a name. Everything
// it refuses is ErrBadDeadLetter.
func DecodeDeadLetter(name string, raw []byte) (DeadLetter, error) {
	d, err := decodeDeadLetter(name, raw)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("%w: %w", ErrBadDeadLetter, err)
	}
	return d, nil
}

func decodeDeadLetter(name string, raw []byte) (DeadLetter, error) {
	if len(raw) > MaxDeadLetter {
		return DeadLetter{}, fmt.Errorf("it is larger than %d bytes", MaxDeadLetter)
	}
	var stored storedDeadLetter
	if err := json.Unmarshal(raw, &stored); err != nil {
		return DeadLetter{}, err
	}
	switch {
	case stored.Version > DeadLetterVersion:
		return DeadLetter{}, fmt.Errorf("its format is version %d, this program knows up to %d: use a newer release",
			stored.Version, DeadLetterVersion)
	case stored.Version < 1:
		return DeadLetter{}, errors.New("it has no version, so it is not ours")
	}
	if err := stored.check(); err != nil {
		return DeadLetter{}, err
	}
	if want := DeadLetterName(stored.Key()); name != want {
		// Delete would look for the other name, and this one would be sent again for ever.
		return DeadLetter{}, fmt.Errorf("its own name would be %s: it was renamed or copied", want)
	}
	return stored.DeadLetter, nil
}

func (d DeadLetter) check() error {
	switch {
	case d.Receiver == "":
		return errors.New("it has no receiver")
	case d.ID == "":
		return errors.New("it has no ID")
	case !utf8.ValidString(d.Receiver) || !utf8.ValidString(d.ID):
		// JSON would store another name, and so another key.
		return errors.New("receiver or ID is not UTF-8 text")
	case len(d.Event) == 0 || string(d.Event) == "null":
		return errors.New("it has no event")
	}
	return nil
}

// DeadLetterName is what the dead letter of this Key is called in a directory
// or below a prefix: at most 160 bytes of letters, digits, "-", "_" and ".",
// the first not a ".". Different keys have different names, also where upper
// and lower case are one.
func DeadLetterName(key string) string {
	const readable = 120
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, key)
	name = strings.TrimLeft(name, ".")
	sum := sha256.Sum256([]byte(key))
	return name[:min(len(name), readable)] + "_" + hex.EncodeToString(sum[:16]) + deadLetterSuffix
}

const deadLetterSuffix = ".json"

// IsDeadLetterName reports whether a name in a directory or below a prefix may
// be that of a dead letter. What lies beside them under other names is nobody's
// concern.
func IsDeadLetterName(name string) bool {
	return strings.HasSuffix(name, deadLetterSuffix) && !strings.HasPrefix(name, ".") && !strings.Contains(name, "/")
}
