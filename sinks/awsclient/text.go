package awsclient

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// TokenBytes is the longest Token.
const TokenBytes = 128

// Token is a text as SQS and SNS take it for a group, for deduplication and for
// the attribute id: printable ASCII, not too long, and not empty. Texts that
// differ give tokens that differ.
func Token(text, otherwise string) string {
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, text)
	switch {
	case clean == "":
		return otherwise
	case len(clean) > TokenBytes || clean != text:
		sum := sha256.Sum256([]byte(text))
		digest := hex.EncodeToString(sum[:8])
		return clean[:min(len(clean), TokenBytes-len(digest)-1)] + "-" + digest
	}
	return clean
}

// Message replaces what SQS and SNS refuse in a message: they take the characters
// of XML 1.0. JSON has escaped the control characters already.
func Message(body []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, body)
}
