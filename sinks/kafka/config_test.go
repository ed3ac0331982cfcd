package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// An unknown codec is silently none upstream.
func TestConfigSaysWhatIsWrong_DS18(t *testing.T) {
	const good = "topic: a\nbrokers: ['b:9092']\n"
	for _, tc := range []struct{ config, want string }{
		{"brokers: ['b:9092']", "topic: is missing"},
		{"topic: a", "brokers: is missing"},
		{"topic: a b\nbrokers: ['b:9092']", `line 1, column 8: topic: "a b": a name has only letters, digits, '.', '_' and '-'`},
		{"topic: a\nbrokers: [b]", `brokers: want host:port, got "b"`},
		{good + "compressionCodec: brotli", `compressionCodec: want none, snappy, gzip, lz4 or zstd, got "brotli"`},
		{good + "acks: none", `acks: want all or leader, got "none"`},
		{good + "maxMessageBytes: 1", "maxMessageBytes: want at least 16384, got 1"},
		{good + "timeout: 0s", "timeout: want more than 0, got 0s"},
		{good + "version: new", `version: want a version of Kafka such as 3.9.0, got "new"`},
		{good + "sasl: {enable: true}", "sasl: username and password are needed"},
		{good + "tls: {enable: true, keyFile: x}", "tls: keyFile is set without certFile"},
		{good + "sasl: {enable: true, mechanism: gssapi}", `sasl.mechanism: want plain, sha256, sha512, oauthbearer or aws-msk-iam, got "gssapi"`},
		{good + "sasl: {enable: true, mechanism: oauthbearer}", "sasl.oauth: want either tokenFile or tokenURL"},
		{good + "sasl: {enable: true, mechanism: oauthbearer, oauth: {tokenURL: x}}", "sasl.oauth.tokenURL: want a URL that begins with http:// or https://"},
		{good + "sasl: {enable: true, mechanism: aws-msk-iam, aws: {assumeRole: {externalID: x}}}", "sasl.aws: assumeRole: roleARN is missing"},
		{good + "avro: {schemaID: '7'}", "avro: schema: is missing"},
		{good + "avro: {schemaID: x, schema: '\"string\"'}", `avro: schemaID: want a number or 32 hex digits, got "x"`},
		{good + "avro: {schemaID: '" + strings.Repeat("z", 32) + "', schema: '\"string\"'}", `avro: schemaID: want a number or 32 hex digits, got "` + strings.Repeat("z", 32) + `"`},
	} {
		_, err := openConfig(t, tc.config)
		assert.EqualError(t, err, tc.want, tc.config)
	}
	for _, config := range []string{good + "version: 0.10.2.0", good + "clientId: ''"} { // upstream's files
		_, err := openConfig(t, config)
		assert.NoError(t, err, config)
	}
}

func otherAuthority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return der
}

const schema = `{"type": "record", "name": "Event", "namespace": "io.k8s", "fields": [
  {"name": "reason", "type": "string"}, {"name": "count", "type": ["null", "int"]},
  {"name": "extra", "type": "string", "default": "none"},
  {"name": "metadata", "type": {"type": "record", "name": "Meta", "fields": [{"name": "labels", "type": ["null", {"type": "map", "values": "string"}]}]}},
  {"name": "again", "type": ["null", "Meta"]},
  {"name": "list", "type": {"type": "array", "items": ["long", "double", "boolean"]}}]}`

func TestAvro_DS19(t *testing.T) {
	parsed, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	require.NoError(t, err)
	hexID := "000102030405060708090a0b0c0d0e0f"
	for id, prefix := range map[string]string{"258": "\x00\x00\x00\x01\x02", hexID: "\x00" + string(must(hex.DecodeString(hexID)))} {
		s := mustOpen(t, "topic: a\nbrokers: ['b:9092']\navro: {schemaID: '"+id+"', schema: '"+schema+"'}\n"+
			`layout: {reason: "{{ .Reason }}", count: 3, metadata: {labels: {a: b}, unknown: 1}, again: {io.k8s.Meta: {labels: null}}, list: [1, 2.5, true]}`)
		body := sinktest.Encode(t, s, event.Sample())[0].Body
		require.True(t, strings.HasPrefix(string(body), prefix))
		var got map[string]any
		require.NoError(t, avro.Unmarshal(parsed, body[len(prefix):], &got))
		assert.Equal(t, event.Sample().Reason, got["reason"])
		assert.Equal(t, 3, got["count"])
		assert.Equal(t, "none", got["extra"])
		assert.Equal(t, []any{int64(1), 2.5, true}, got["list"])
	}
}

func TestAPayloadThatDoesNotFitTheSchemaIsADeadLetter_DS19(t *testing.T) {
	s := mustOpen(t, "topic: a\nbrokers: ['b:9092']\navro: {schemaID: '1', schema: '"+schema+"'}")
	_, err := s.Encode(event.Sample())
	require.ErrorContains(t, err, "avro: ")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
