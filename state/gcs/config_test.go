package gcs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/gcs"
	"github.com/packetboat/packetboat/state/statetest"
)

func TestFromRef(t *testing.T) {
	for ref, want := range map[string]gcs.Config{
		"bucket/object":           {Access: gcs.Access{Bucket: "bucket"}, Object: "object"},
		"//bucket/folder/a b.txt": {Access: gcs.Access{Bucket: "bucket"}, Object: "folder/a b.txt"},
	} {
		config, err := gcs.Kind.FromRef(ref)
		require.NoError(t, err)
		require.Equal(t, &want, config)
	}
	for ref, says := range map[string]string{
		"": "bucket is missing", "/object": "bucket is missing", "bucket": "object is missing", "bucket/": "object is missing",
		"bucket//object": "begins or ends with a slash", "bucket/folder/": "begins or ends with a slash",
		"b/" + strings.Repeat("o", 1025): "1025 bytes",
	} {
		_, err := gcs.Kind.FromRef(ref)
		require.ErrorContains(t, err, says, ref)
	}
}

func TestConfigsThatCannotWork(t *testing.T) {
	for _, test := range []struct {
		access gcs.Access
		says   string
	}{
		{gcs.Access{}, "bucket is missing"},
		{gcs.Access{Bucket: "gs://bucket"}, "has a slash in it"},
		{gcs.Access{Bucket: "bucket", Endpoint: "emulator-4711:4443"}, "endpoint is not a URL"},
		{gcs.Access{Bucket: "bucket", Endpoint: "ftp://emulator-4711"}, "endpoint is not a URL"},
		{gcs.Access{Bucket: "bucket", Endpoint: "https://user:4711@emulator"}, "endpoint is not a URL"},
		{gcs.Access{Bucket: "bucket", Endpoint: "https://emulator/4711/"}, "endpoint is not a URL"},
	} {
		_, err := gcs.Kind.Open(t.Context(), &gcs.Config{Access: test.access, Object: object}, state.Env{})
		require.ErrorContains(t, err, "open gcs: ")
		require.ErrorContains(t, err, test.says)
		require.NotContains(t, err.Error(), "4711")
		_, err = gcs.Kind.OpenDeadLetters(t.Context(), &gcs.DeadLetterConfig{Access: test.access, Prefix: "p"}, state.Env{})
		require.ErrorContains(t, err, "open dead letters in gcs: ")
		require.ErrorContains(t, err, test.says)
	}
	for prefix, says := range map[string]string{"": "prefix is missing", "//": "prefix is missing", strings.Repeat("p", 801): "801 bytes"} {
		_, err := gcs.Kind.OpenDeadLetters(t.Context(), &gcs.DeadLetterConfig{Access: gcs.Access{Bucket: "bucket"}, Prefix: prefix}, state.Env{})
		require.ErrorContains(t, err, says)
	}
}

func TestConfigurationsOfTheReadme(t *testing.T) { statetest.Readme(t, "README.md", gcs.Kind) }

// The role holds the permissions that the code names in its errors, and no more.
func TestRoleOfTheReadme(t *testing.T) {
	var permissions []string
	for _, block := range statetest.Blocks(t, "README.md", "yaml") {
		var role struct {
			IncludedPermissions []string `yaml:"includedPermissions"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(block), &role))
		permissions = append(permissions, role.IncludedPermissions...)
	}
	slices.Sort(permissions)
	require.Equal(t, []string{
		"storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list",
	}, permissions)
}
