package secret

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReferences(t *testing.T) {
	for text, want := range map[string]Reference{
		"file:/run/secrets/token":       {File, "/run/secrets/token", ""},
		"file:./a#b":                    {File, "./a#b", ""},
		`file:C:\token`:                 {File, `C:\token`, ""},
		"awssm:prod/slack":              {AWSSecret, "prod/slack", ""},
		"awssm:prod/slack#token":        {AWSSecret, "prod/slack", "token"},
		"awssm:prod/slack#a key#of two": {AWSSecret, "prod/slack", "a key#of two"},
		"awssm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/slack-AbCdEf#token": {
			AWSSecret, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/slack-AbCdEf", "token",
		},
		"ssm:/prod/slack": {AWSParameter, "/prod/slack", ""},
		"ssm:arn:aws-cn:ssm:cn-north-1:123456789012:parameter/prod/slack#x": {AWSParameter, "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/prod/slack", "x"},
		"ssm:/prod/slack:3": {AWSParameter, "/prod/slack:3", ""},
		"gcpsm:projects/my-1/secrets/slack/versions/latest":                    {GoogleSecret, "projects/my-1/secrets/slack/versions/latest", ""},
		"gcpsm:projects/12/locations/europe-west3/secrets/slack/versions/7#ab": {GoogleSecret, "projects/12/locations/europe-west3/secrets/slack/versions/7", "ab"},
		"k8s:monitoring/slack#token":                                           {KubernetesKey, "monitoring/slack", "token"},
	} {
		ref, plain, err := Parse(text)
		require.NoError(t, err, text)
		require.NotNil(t, ref, text)
		assert.Equal(t, want, *ref, text)
		assert.Equal(t, text, ref.String())
		assert.True(t, plain.IsZero())
	}
}

// A configuration that worked before there were references still does.
func TestWhatIsNoReference(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"xoxb-1-2":                             "xoxb-1-2",
		"https://hooks.slack.com/services/T/B": "https://hooks.slack.com/services/T/B",
		"pass:word":                            "pass:word",
		"FILE:/x":                              "FILE:/x",
		"awssm":                                "awssm",
		"\tfile:/x":                            "\tfile:/x",
		"tcp://logstash:5044":                  "tcp://logstash:5044",
		"literal:awssm:prod/slack":             "awssm:prod/slack",
		"literal:literal:x":                    "literal:x",
		"literal:":                             "",
	} {
		ref, plain, err := Parse(text)
		require.NoError(t, err, text)
		assert.Nil(t, ref, text)
		assert.Equal(t, want, plain.Reveal(), text)
	}
}

func TestWhatOnlyBeginsLikeAReferenceIsRefusedUnprinted(t *testing.T) {
	for text, want := range map[string]string{
		"file:hunter2":                   "want file:/PATH",
		"file:":                          "want file:/PATH",
		"awssm:":                         "want awssm:NAME",
		"awssm:hunter2#":                 "want awssm:NAME",
		"awssm:hunter 2":                 "want awssm:NAME",
		"awssm:hunter2\n":                "want awssm:NAME",
		"ssm:hunter2":                    "want ssm:/PATH",
		"gcpsm:hunter2":                  "want gcpsm:projects/",
		"gcpsm:projects/p/secrets/":      "want gcpsm:projects/",
		"k8s:hunter2":                    "want k8s:NAMESPACE/NAME#KEY",
		"k8s:monitoring/slack":           "want k8s:NAMESPACE/NAME#KEY",
		"k8s:monitoring/../secrets/x#ab": "want k8s:NAMESPACE/NAME#KEY",
	} {
		ref, plain, err := Parse(text)
		require.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, "literal:SECRET")
		assert.NotContains(t, err.Error(), "hunter")
		assert.Nil(t, ref)
		assert.True(t, plain.IsZero())
	}
}

func TestLaterIsSetForAllCopies(t *testing.T) {
	s, set := Later("stand-in")
	copies := map[string]String{"a": s}
	assert.False(t, s.IsZero())
	assert.Equal(t, "stand-in", s.Reveal())
	set(value)
	assert.Equal(t, value, copies["a"].Reveal())
	assertHidden(t, s.String())
}
