//go:build slim && !aws && !gcp

package configsource

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func TestWhatIsNotBuiltInIsSaid(t *testing.T) {
	for _, name := range []string{"s3://boats/config.yaml", "gs://boats/config.yaml", "ssm:/boats/config"} {
		s, err := Open(name, nil)
		require.NoError(t, err)
		_, err = s.Read(t.Context())
		require.ErrorContains(t, err, "not built into this binary")
		assert.True(t, fetch.IsWrong(err))
	}
}
