package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSlimTags(t *testing.T) {
	for all, want := range map[string]string{
		"":                                  "",
		"disable_grpc_modules":              "",
		"aws":                               "",
		"slim":                              "slim",
		"gcp,lambda.norpc,slim":             "slim,gcp",
		"disable_grpc_modules,gcp,aws,slim": "slim,aws,gcp",
	} {
		assert.Equal(t, want, slimTags(all), all)
	}
}
