package kafka

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestWrongCredentialsStopTheReceiver(t *testing.T) {
	const wrong = "wr0ng-word"
	for name, deny := range map[string]func(f *fake){
		"wrong": func(f *fake) { // kfake hangs up without a word
			f.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				response := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
				response.ErrorCode = kerr.SaslAuthenticationFailed.Code
				response.ErrorMessage = kmsg.StringPtr("no such user " + string(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes))
				return response, nil, true
			})
		},
		"of a mechanism that is not enabled": func(f *fake) {
			f.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				response := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
				response.ErrorCode = kerr.UnsupportedSaslMechanism.Code
				return response, nil, true
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, 1, kfake.EnableSASL(), kfake.Superuser("PLAIN", "boat", password))
			deny(f)
			s := mustOpen(t, config(f, "sasl: {enable: true, username: boat, password: "+wrong+"}"))
			err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
			require.Error(t, err)
			assert.True(t, sinks.IsStop(err), "%v", err)
			assert.NotContains(t, err.Error(), wrong)
		})
	}
}

func TestTLSWithAndWithoutAPrivateAuthority_DS18(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(server.Close)
	f := startFake(t, 1, kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates})) //nolint:gosec // the client asks for more
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))

	trusting := mustOpen(t, config(f, "tls: {enable: true, caFile: "+ca+"}"))
	require.NoError(t, trusting.Send(t.Context(), sinktest.Encode(t, trusting, event.Sample())))

	system := mustOpen(t, config(f, "tls: {enable: true}")) // upstream cannot do without caFile
	err := system.Send(t.Context(), sinktest.Encode(t, system, event.Sample()))
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))

	// A rotated file is read for the next connection, without a restart.
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: otherAuthority(t)}), 0o600))
	rotated := mustOpen(t, config(f, "tls: {enable: true, caFile: "+ca+"}"))
	require.Error(t, rotated.Send(t.Context(), sinktest.Encode(t, rotated, event.Sample())))
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, os.Chtimes(ca, time.Time{}, time.Now().Add(time.Hour)))
	require.NoError(t, rotated.Send(t.Context(), sinktest.Encode(t, rotated, event.Sample())))
}

func TestOAuth(t *testing.T) {
	const token, clientSecret = "t0ken-of-the-boat", "cl1ent-secret"
	status := http.StatusOK
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusOK {
			_, _ = io.Copy(w, r.Body) // it repeats the secret
			return
		}
		_, _ = w.Write([]byte(`{"access_token": "` + token + `", "token_type": "Bearer", "expires_in": 3600}`))
	}))
	t.Cleanup(tokens.Close)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))

	for name, oauth := range map[string]string{
		"URL":  "tokenURL: '" + tokens.URL + "', clientID: boat, clientSecret: " + clientSecret,
		"file": "tokenFile: " + file,
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, 1)
			said := acceptBearer(f)
			s := mustOpen(t, config(f, "sasl: {enable: true, mechanism: oauthbearer, oauth: {"+oauth+"}}"))
			require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
			assert.Equal(t, "n,,\x01auth=Bearer "+token+"\x01\x01", <-said)
		})
	}
	for answer, stops := range map[int]bool{http.StatusUnauthorized: true, http.StatusServiceUnavailable: false} {
		status = answer
		f := startFake(t, 1)
		acceptBearer(f)
		s := mustOpen(t, config(f, "sasl: {enable: true, mechanism: oauthbearer, oauth: {tokenURL: '"+tokens.URL+"', clientSecret: "+clientSecret+"}}"))
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.ErrorContains(t, err, "get an OAuth token: answered")
		assert.Equal(t, stops, sinks.IsStop(err), answer)
		assert.NotContains(t, err.Error(), clientSecret)
	}
}

// The token of MSK is a signed request, made from credentials that are looked
// for at the first Send.
func TestMSK(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret-of-aws")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	f := startFake(t, 1)
	said := acceptBearer(f)
	s := mustOpen(t, config(f, "sasl: {enable: true, mechanism: aws-msk-iam}"))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	first := <-said
	assert.True(t, strings.HasPrefix(first, "n,,\x01auth=Bearer "))
	assert.NotContains(t, first, "s3cret-of-aws")
}

func TestMSKWithoutARegionStopsTheReceiver(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	f := startFake(t, 1)
	acceptBearer(f)
	s := mustOpen(t, config(f, "sasl: {enable: true, mechanism: aws-msk-iam, aws: {accessKeyID: AKIDEXAMPLE, secretAccessKey: s3cret-of-aws}}"))
	err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
	require.ErrorContains(t, err, "region is missing")
	assert.True(t, sinks.IsStop(err))
}

// acceptBearer makes the cluster take any token; kfake knows no OAUTHBEARER.
func acceptBearer(f *fake) <-chan string {
	said := make(chan string, 100)
	f.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		response := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
		response.SupportedMechanisms = []string{"OAUTHBEARER"}
		return response, nil, true
	})
	f.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		said <- string(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		return r.ResponseKind(), nil, true
	})
	return said
}
