package opscenter

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// model holds what it reads to botocore's model of CreateOpsItem, by type, length
// and pattern. No emulator knows this call.
const model = `
import json, re, sys
import botocore.session, botocore.validate
shape = botocore.session.get_session().get_service_model("ssm").operation_model("CreateOpsItem").input_shape
def check(value, shape, path):
    limits = shape.metadata
    if shape.type_name == "string":
        assert limits.get("min", 0) <= len(value) <= limits.get("max", 1 << 30), (path, len(value))
        assert re.search(limits.get("pattern", "").replace("\\p{L}", "\\w").replace("\\p{Z}", " ").replace("\\p{N}", "\\d"), value), (path, value)
    if shape.type_name == "integer":
        assert limits.get("min", 0) <= value <= limits.get("max", 1 << 30), (path, value)
    if shape.type_name == "structure":
        for k, v in value.items():
            check(v, shape.members[k], path + "." + k)
    if shape.type_name == "list":
        for v in value:
            check(v, shape.member, path)
    if shape.type_name == "map":
        for k, v in value.items():
            check(k, shape.key, path)
            check(v, shape.value, path + "." + k)
for line in sys.stdin:
    body = json.loads(line)
    report = botocore.validate.ParamValidator().validate(body, shape)
    assert not report.has_errors(), report.generate_report()
    check(body, shape, "")
`

func TestPeer(t *testing.T) {
	if !peers.Live() {
		t.Log("peer: botocore's model does not take part: LIVE is not set")
	}
	var requests bytes.Buffer
	p := protocol
	read := p.Read
	p.Read = func(t *testing.T, body []byte) []sinktest.Delivery {
		requests.Write(append(body, '\n'))
		return read(t, body)
	}
	service := sinktest.NewAWSService(t, p)
	s, err := sinktest.Open(t, Kind, everything+sinktest.AWSAccess(service.URL))
	require.NoError(t, err)
	events := sinktest.Events()
	for _, c := range events {
		r, err := s.Encode(c.Event)
		require.NoError(t, err)
		require.NoError(t, s.Send(t.Context(), []sinks.Record{r}), c.Name)
	}
	require.Equal(t, len(events), bytes.Count(requests.Bytes(), []byte("\n")))
	if peers.Live() {
		command := exec.CommandContext(t.Context(), "python3", "-c", model)
		command.Stdin = &requests
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		t.Log("peer: botocore's model")
	}
}
