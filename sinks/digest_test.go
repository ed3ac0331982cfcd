package sinks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

func TestADigestThatIsTooLongNamesFewerGroups(t *testing.T) {
	d := &sinks.Digest{MoreGroups: 1, MoreCount: 5, Count: 50}
	for range 9 {
		d.Groups = append(d.Groups, sinks.Group{Count: 5})
	}
	encode := func(d *sinks.Digest) ([]byte, error) {
		assert.EqualValues(t, 50, int64(len(d.Groups))*5+d.MoreCount)
		assert.Equal(t, 10, len(d.Groups)+d.MoreGroups)
		return []byte(strings.Repeat("x", 10*len(d.Groups)) + "rest"), nil
	}
	for limit, want := range map[int]int{0: 94, 94: 94, 93: 84, 14: 14, 13: 4, 1: 4} {
		body, err := d.Fit(limit, encode)
		require.NoError(t, err)
		assert.Len(t, body, want, "limit %d", limit)
	}
	assert.Len(t, d.Groups, 9, "it is not changed")
	_, err := d.Fit(0, func(*sinks.Digest) ([]byte, error) { return nil, fmt.Errorf("no") })
	assert.Error(t, err)
}
