package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

// What a slim binary leaves out is known by name, and the tags say why it is not there.
func TestASlimBinarySaysWhatItWasBuiltWith(t *testing.T) {
	const file = "checkpoint: {s3: {bucket: b}}\nreceivers: [{name: queue, sqs: {}}]\n"
	_, problems := config.Load("c.yaml", []byte(file), config.Options{Tags: "slim,gcp"})
	require.Len(t, problems, 2)
	assert.Equal(t, "c.yaml:1:14: checkpoint.s3: is not built into this binary (built with tags slim,gcp), the stores are ", problems[0].String())
	assert.Contains(t, problems[1].String(), `c.yaml:2:27: receivers[0].sqs: receiver "queue": sqs is not built into this binary (built with tags slim,gcp; built in: `)
	for _, p := range problems {
		assert.Equal(t, config.Error, p.Severity)
	}
}
