//go:build slim && !aws && !gcp

package secrets

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func TestWhatIsNotBuiltInIsSaid(t *testing.T) {
	for _, ref := range []string{"awssm:prod/slack", "ssm:/prod/slack", "gcpsm:projects/p-1/secrets/slack/versions/1"} {
		err := fails(t, New(Options{}), ref)
		assert.ErrorContains(t, err, "secret "+ref+": not built into this binary")
		assert.True(t, fetch.IsWrong(err))
	}
}
