package peers

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const kafkaVersion = "4.3.1"

// kafkaProject asks Maven for the broker with all that it needs.
const kafkaProject = `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + kafkaVersion + `</version>
</dependency></dependencies></project>`

// StartKafka gives Apache Kafka, one broker that creates topics of three
// partitions. It needs a JDK and Maven, 0.5 GB of memory and 10 seconds to
// start; nil without LIVE=all.
func StartKafka(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("LIVE") != "all" {
		t.Log("peer: Apache Kafka does not take part: LIVE is not all")
		return nil
	}
	java, err := exec.LookPath("java")
	require.NoError(t, err, "Apache Kafka needs Java 17")
	classes := filepath.Join(fetchMaven(t, "kafka-"+kafkaVersion, kafkaProject), "*")
	dir, addr, controller := t.TempDir(), freeAddr(t), freeAddr(t)
	properties := filepath.Join(dir, "server.properties")
	require.NoError(t, os.WriteFile(properties, []byte(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@`+controller+`
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://`+addr+`,CONTROLLER://`+controller+`
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
num.partitions=3
log.dirs=`+filepath.Join(dir, "data")+"\n"), 0o600))
	id := base64.RawURLEncoding.EncodeToString([]byte("packetboat-test1"))
	out, err := exec.CommandContext(t.Context(), java, "-cp", classes, "kafka.tools.StorageTool", "format", "-t", id, "-c", properties).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return startServer(t, java, "Apache Kafka "+kafkaVersion, addr, nil, []string{"-Xmx512m", "-cp", classes, "kafka.Kafka", properties})
}
