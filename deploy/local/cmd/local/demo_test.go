package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

func TestDemoMakesControllersWriteNewEventsEachTime(t *testing.T) {
	cluster := localtest.Start(t, local.Options{Controllers: true})
	for range 2 {
		var out strings.Builder
		require.NoError(t, demo(t.Context(), cluster.Client(), &out))
		assert.Regexp(t, "ScalingReplicaSet 1, SuccessfulCreate 3, FailedScheduling [3-9]", out.String())
	}
}
