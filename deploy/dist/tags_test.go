package dist

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packages are all that a program is made of.
func packages(t *testing.T, program target) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-tags", program.allTags(), program.pkg)
	cmd.Dir, cmd.Env = root, append(cmd.Environ(), program.env()...)
	text, err := cmd.Output()
	require.NoError(t, err)
	return strings.Fields(string(text))
}

// Build tags decide about what needs a cloud's SDK and about nothing else.
func TestTags(t *testing.T) {
	const ours = "github.com/packetboat/packetboat/"
	clouds := map[string][]string{
		"aws": {"sinks/awsclient", "sinks/cloudwatch", "sinks/eventbridge", "sinks/firehose", "sinks/kinesis", "sinks/opscenter", "sinks/s3", "sinks/sns", "sinks/sqs", "state/s3"},
		"gcp": {"sinks/bigquery", "sinks/gcs", "sinks/pubsub", "state/gcs"},
	}
	sdks := map[string]string{"aws": "github.com/aws/aws-sdk-go-v2/service/s3", "gcp": "cloud.google.com/go/storage"}
	everything := plugIns(packages(t, target{commandPackage, "", "amd64"}), ours)
	for _, v := range variants {
		t.Run(v.tags, func(t *testing.T) {
			linked := packages(t, target{commandPackage, v.tags, "amd64"})
			want := slices.Clone(everything)
			for cloud, plugIns := range clouds {
				with := v.tags == "" || slices.Contains(strings.Split(v.tags, ","), cloud)
				assert.Equal(t, with, slices.Contains(linked, sdks[cloud]), "the SDK of %s", cloud)
				if !with {
					want = slices.DeleteFunc(want, func(p string) bool { return slices.Contains(plugIns, p) })
				}
			}
			assert.Equal(t, want, plugIns(linked, ours))
			for _, heavy := range []string{"k8s.io/client-go/kubernetes", "k8s.io/client-go/informers", "github.com/envoyproxy/go-control-plane"} {
				assert.False(t, slices.ContainsFunc(linked, func(p string) bool { return strings.HasPrefix(p+"/", heavy+"/") }), heavy)
			}
		})
	}
}

// plugIns are the sinks and stores among packages, without what some of them share.
func plugIns(all []string, ours string) []string {
	var found []string
	for _, p := range all {
		if p, is := strings.CutPrefix(p, ours); is && (strings.HasPrefix(p, "sinks/") || strings.HasPrefix(p, "state/")) {
			if p != "sinks/archive" && p != "sinks/gcpclient" {
				found = append(found, p)
			}
		}
	}
	slices.Sort(found)
	return found
}
