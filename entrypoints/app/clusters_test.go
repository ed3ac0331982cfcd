package app

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShareOfTheTime(t *testing.T) {
	assert.Equal(t, 10*time.Second, shareOf(10*time.Second, 3, 4), "all run at once")
	assert.Equal(t, 5*time.Second, shareOf(10*time.Second, 5, 4))
	assert.Equal(t, 8*time.Second, shareOf(8*time.Second, 1, 4), "the last has what the others left")
	assert.Equal(t, time.Nanosecond, shareOf(-time.Second, 2, 1), "no time is not no bound")
}

// twoClusters have what each needs in a place of its own. Nobody there accepts us.
const twoClusters = `
checkpoint: {file: {path: @DIR@/checkpoint.json}}
clusters:
- {name: east, cluster: {kubeconfig: "file:@DIR@/kubeconfig"}}
- {name: west, cluster: {kubeconfig: "awssm:west#token"}}
route: {match: [{receiver: hook}]}
receivers: [{name: hook, webhook: {endpoint: @URL@, username: u, password: "ssm:/hook"}}]
`

func (p *places) several(t *testing.T, text string) Options {
	t.Helper()
	o := p.options(t, text, io.Discard)
	o.Kubeconfig, o.Events = "", ""
	return o
}

func TestTheSecretOfOneClusterIsNoneOfTheOthers(t *testing.T) {
	p := startPlaces(t)
	text := strings.ReplaceAll(twoClusters, "awssm:west#token", "file:@DIR@/none")
	a, err := New(t.Context(), p.several(t, text))
	require.NoError(t, err)
	report, err := a.Run(t.Context(), RunOptions{Deadline: time.Minute})
	require.Error(t, err)
	east, west := report.Clusters["east"].Error, report.Clusters["west"].Error
	assert.Contains(t, east, "find the cluster's position", "it got as far as its own fault")
	assert.NotContains(t, east, "none")
	assert.Contains(t, west, "clusters[1].cluster.kubeconfig: secret file:"+p.dir+"/none: no such file or directory")

	o := p.several(t, text)
	o.Clusters = []string{"east"}
	a, err = New(t.Context(), o)
	require.NoError(t, err)
	_, err = a.Run(t.Context(), RunOptions{Deadline: time.Minute})
	require.ErrorContains(t, err, "find the cluster's position")
}

func TestARotatedSecretOfOneOfSeveralClustersIsNoticed(t *testing.T) {
	p := startPlaces(t)
	p.several(t, twoClusters)
	t.Setenv(EnvConfig, p.dir+"/config.yaml")
	f, clock := warm(t, p)
	for _, one := range f.app.clusters {
		require.NoError(t, one.resolve(t.Context()))
	}
	first := f.app
	clock.move(time.Hour)
	require.NoError(t, f.open(t.Context()))
	assert.Same(t, first, f.app)
	p.rotate("rotated")
	clock.move(time.Hour)
	require.NoError(t, f.open(t.Context()))
	assert.NotSame(t, first, f.app)
}

// Which cluster would it be of?
func TestASecretOfTheClusterIsOfTheOwnOneIfThereAreSeveral(t *testing.T) {
	p := startPlaces(t)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for ref, why := range map[string]string{
		"awssm:west#token": "below cluster: it is a Secret of the cluster that packetboat runs in, and it runs in none",
		"ssm:/hook":        "with several clusters it is a Secret of the one that packetboat runs in, and it runs in none",
	} {
		a, err := New(t.Context(), p.several(t, strings.ReplaceAll(twoClusters, ref, "k8s:boats/slack#token")))
		require.NoError(t, err)
		_, err = a.Run(t.Context(), RunOptions{Deadline: time.Minute})
		require.ErrorContains(t, err, "secret k8s:boats/slack#token: "+why)
	}
}

// The others may be those of other functions.
func TestOneCheckpointForTwoClustersIsFoundWhicheverIsChosen(t *testing.T) {
	p := startPlaces(t)
	o := p.several(t, strings.ReplaceAll(twoClusters, "name: west,", "name: west, checkpoint: {file: {path: @DIR@/checkpoint-east.json}},"))
	o.Clusters = []string{"east"}
	_, err := New(t.Context(), o)
	require.ErrorContains(t, err, "config.yaml:5:29: checkpoint: cluster west: file:"+p.dir+"/checkpoint-east.json is the checkpoint of cluster east already")
	_, err = Check(t.Context(), o)
	require.ErrorContains(t, err, "is the checkpoint of cluster east already")
	assert.Zero(t, p.calls(), "nobody is asked")

	o = p.several(t, strings.ReplaceAll(twoClusters, "name: west,", "name: west, checkpoint: {configMap: {name: A_B}},"))
	_, err = Check(t.Context(), o)
	require.ErrorContains(t, err, `checkpoint: cluster west: open checkpoint: open configMap: name "A_B"`)
}

func TestWhatIsOwedByOneClusterGoesBeforeAnothersConfiguration(t *testing.T) {
	owed, wrong := errors.New("unreachable"), usage("no such cluster")
	for _, test := range []struct {
		errs []error
		code int
	}{
		{[]error{nil, nil}, ExitDone},
		{[]error{nil, wrong}, ExitUsage},
		{[]error{wrong, owed}, ExitOwed},
		{[]error{owed, wrong, nil}, ExitOwed},
	} {
		assert.Equal(t, test.code, ExitCode(together(test.errs)), test.errs)
	}
}

func TestCheckOpensTheStores(t *testing.T) {
	p := startPlaces(t)
	_, err := Check(t.Context(), p.several(t, "checkpoint: {s3: {bucket: b}}\ndeadLetter: {file: {path: ''}}\n"+simple))
	require.ErrorContains(t, err, "config.yaml:1:14: checkpoint.s3: open s3: key is missing")
	require.ErrorContains(t, err, "config.yaml:2:14: deadLetter.file: open dead letters in file: path is missing")
}
