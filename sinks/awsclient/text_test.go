package awsclient

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/sinks"
)

func TestText(t *testing.T) {
	assert.Equal(t, "a\uFFFDb🚢\n", string(Message([]byte("a\uFFFEb🚢\n"))))
	long := strings.Repeat("x", 300)
	assert.Len(t, Token(long, ""), 128)
	assert.NotEqual(t, Token(long+"1", ""), Token(long+"2", ""))
	assert.Regexp(t, `^a_b_-[0-9a-f]{16}$`, Token("a bü", ""))
	assert.NotEqual(t, Token("a bü", ""), Token("aübü", ""))
	assert.Equal(t, "u1.7", Token("u1.7", ""))
}

func TestFits(t *testing.T) {
	limits := sinks.Limits{Records: 2, Bytes: 10, RecordBytes: 6}
	record := func(n int) sinks.Record { return sinks.Record{Body: make([]byte, n)} }
	assert.NoError(t, Fits([]sinks.Record{record(6), record(4)}, limits))
	for _, batch := range [][]sinks.Record{{record(7)}, {record(6), record(5)}, {record(1), record(1), record(1)}} {
		assert.True(t, sinks.IsPermanent(Fits(batch, limits)))
	}
	limits.RecordBytes = 20
	assert.NoError(t, Fits([]sinks.Record{record(20)}, limits), "alone it may be larger")
	assert.Error(t, Fits([]sinks.Record{record(10), record(1)}, limits))
}
