package s3_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/s3"
	"github.com/packetboat/packetboat/state/statetest"
)

func TestFromRef(t *testing.T) {
	for ref, want := range map[string]s3.Config{
		"bucket/key":              {Access: s3.Access{Bucket: "bucket"}, Key: "key"},
		"bucket/folder/key.json":  {Access: s3.Access{Bucket: "bucket"}, Key: "folder/key.json"},
		"//bucket/folder/a b.txt": {Access: s3.Access{Bucket: "bucket"}, Key: "folder/a b.txt"},
	} {
		config, err := s3.Kind.FromRef(ref)
		require.NoError(t, err)
		require.Equal(t, &want, config)
	}
	for ref, says := range map[string]string{
		"": "bucket is missing", "/key": "bucket is missing", "bucket": "key is missing", "bucket/": "key is missing",
		"bucket//key": "begins or ends with a slash", "bucket/folder/": "begins or ends with a slash",
		"b/" + strings.Repeat("k", 1025): "1025 bytes",
	} {
		_, err := s3.Kind.FromRef(ref)
		require.ErrorContains(t, err, says, ref)
	}
}

func TestConfigsThatCannotWork(t *testing.T) {
	for says, change := range map[string]func(a *s3.Access){
		"bucket is missing":            func(a *s3.Access) { a.Bucket = "" },
		"one of them is missing":       func(a *s3.Access) { a.AccessKeyID = secret.New("id-4711") },
		"endpoint: want a URL":         func(a *s3.Access) { a.Endpoint = "minio-4711:9000" },
		"a URL such as https:":         func(a *s3.Access) { a.Endpoint = "ftp://minio-4711" },
		"endpoint: holds a name":       func(a *s3.Access) { a.Endpoint = "https://user:4711@minio:9000" },
		"want one of AES256, aws:kms,": func(a *s3.Access) { a.SSE.Type = "kms" },
		"kmsKeyID needs sse.type":      func(a *s3.Access) { a.SSE = s3.SSE{Type: "AES256", KMSKeyID: "k"} },
	} {
		access := s3.Access{Bucket: "bucket"}
		change(&access)
		_, err := s3.Kind.Open(t.Context(), &s3.Config{Access: access, Key: key}, state.Env{})
		require.ErrorContains(t, err, "open s3: ")
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "4711")
		_, err = s3.Kind.OpenDeadLetters(t.Context(), &s3.DeadLetterConfig{Access: access, Prefix: "p"}, state.Env{})
		require.ErrorContains(t, err, "open dead letters in s3: ")
		require.ErrorContains(t, err, says)
	}
	for prefix, says := range map[string]string{"": "prefix is missing", "//": "prefix is missing", strings.Repeat("p", 801): "801 bytes"} {
		_, err := s3.Kind.OpenDeadLetters(t.Context(), &s3.DeadLetterConfig{Access: s3.Access{Bucket: "bucket"}, Prefix: prefix}, state.Env{})
		require.ErrorContains(t, err, says)
	}
}

func TestConfigurationsOfTheReadme(t *testing.T) { statetest.Readme(t, "README.md", s3.Kind) }

// The policies hold the actions that the code names in its errors, and no more.
func TestPoliciesOfTheReadme(t *testing.T) {
	var actions []string
	for _, block := range statetest.Blocks(t, "README.md", "json") {
		var policy struct {
			Version   string
			Statement []struct {
				Effect, Action, Resource string
				Condition                map[string]any
			}
		}
		require.NoError(t, json.Unmarshal([]byte(block), &policy))
		require.Equal(t, "2012-10-17", policy.Version)
		for _, statement := range policy.Statement {
			require.Equal(t, "Allow", statement.Effect)
			isBucket := !strings.Contains(strings.TrimPrefix(statement.Resource, "arn:aws:s3:::"), "/")
			require.Equal(t, statement.Action == "s3:ListBucket", isBucket, "%s is of the bucket, the others of objects", statement.Action)
			if statement.Condition != nil {
				statement.Action += " of a prefix"
			}
			actions = append(actions, statement.Action)
		}
	}
	require.Equal(t, []string{
		"s3:GetObject", "s3:PutObject", "s3:ListBucket",
		"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:ListBucket of a prefix",
	}, actions)
}
