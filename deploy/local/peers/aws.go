package peers

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// AWS is an emulator of AWS, with the region and credentials that it takes.
type AWS struct {
	URL, Region, AccessKey, SecretKey string
}

func newAWS(addr string) AWS {
	return AWS{URL: "http://" + addr, Region: "us-east-1", AccessKey: "moto", SecretKey: "moto-moto"}
}

// Boto runs a Python script with boto3, a client that is not ours, and returns
// the lines that it prints.
func (a AWS) Boto(t testing.TB, script string) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), motoPackages(t).python(), "-c", script)
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+a.URL, "AWS_DEFAULT_REGION="+a.Region,
		"AWS_ACCESS_KEY_ID="+a.AccessKey, "AWS_SECRET_ACCESS_KEY="+a.SecretKey)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// Message is one message of a queue, with its attribute id.
type Message struct{ ID, Body string }

// Drain receives all messages of a queue, in the order of their arrival here.
func (a AWS) Drain(t testing.TB, queue string) []Message {
	t.Helper()
	lines := a.Boto(t, `
import boto3
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="`+queue+`")["QueueUrl"]
while True:
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
    if not got:
        break
    for m in got:
        print(m.get("MessageAttributes", {}).get("id", {}).get("StringValue", "-"), m["Body"])
    sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(got)])
`)
	messages := make([]Message, len(lines))
	for i, line := range lines {
		id, body, _ := strings.Cut(line, " ")
		messages[i] = Message{id, body}
	}
	return messages
}
