//go:build !slim || aws

package cluster_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	verifier "sigs.k8s.io/aws-iam-authenticator/pkg/token"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
)

func asUser(t *testing.T) {
	t.Helper()
	withoutClouds(t)
	t.Setenv("AWS_ACCESS_KEY_ID", userKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", userSecret)
}

// verify is what EKS does with a token. The verifier has no other way to be
// given a network than this global.
func verify(t *testing.T, network http.RoundTripper, cluster, partition, region, token string) (*verifier.Identity, error) {
	t.Helper()
	internet := http.DefaultTransport
	http.DefaultTransport = network
	defer func() { http.DefaultTransport = internet }()
	return verifier.NewVerifier(cluster, partition, region).Verify(token)
}

func tokenAt(t *testing.T, c config.EKS, now time.Time) (string, time.Time) {
	t.Helper()
	token, until, err := cluster.EKSToken(t.Context(), c, func() time.Time { return now })
	require.NoError(t, err)
	return token, until
}

func TestTheVerifierOfEKSTakesTheToken(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		region, partition, host string
		env                     [2]string
	}{
		"regional":   {"eu-central-1", "aws", "sts.eu-central-1.amazonaws.com", [2]string{}},
		"FIPS":       {"us-east-1", "aws", "sts-fips.us-east-1.amazonaws.com", [2]string{"AWS_USE_FIPS_ENDPOINT", "true"}},
		"dual stack": {"eu-central-1", "aws", "sts.eu-central-1.api.aws", [2]string{"AWS_USE_DUALSTACK_ENDPOINT", "true"}},
		"China":      {"cn-north-1", "aws-cn", "sts.cn-north-1.amazonaws.com.cn", [2]string{}},
		// A private endpoint of this network is of no use to the cluster.
		"with a private STS": {"eu-central-1", "aws", "sts.eu-central-1.amazonaws.com", [2]string{"AWS_ENDPOINT_URL_STS", "https://vpce-1.sts.example.com"}},
		"with a private EKS": {"eu-central-1", "aws", "sts.eu-central-1.amazonaws.com", [2]string{"AWS_ENDPOINT_URL", "https://vpce-1.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			asUser(t)
			if test.env[0] != "" {
				t.Setenv(test.env[0], test.env[1])
			}
			token, until := tokenAt(t, config.EKS{Name: "prod", Region: test.region, Endpoint: "https://eks.example.com"}, now)
			assert.Equal(t, 13*time.Minute, until.Sub(now))
			who, err := verify(t, newSTS(), "prod", test.partition, test.region, token)
			require.NoError(t, err)
			assert.Equal(t, []string{userARN, test.host}, []string{who.CanonicalARN, who.STSEndpoint})
		})
	}
}

func TestTheVerifierOfEKSRefuses(t *testing.T) {
	asUser(t)
	c := config.EKS{Name: "prod", Region: "eu-central-1"}
	good, _ := tokenAt(t, c, time.Now())
	old, _ := tokenAt(t, c, time.Now().Add(-15*time.Minute-time.Second))
	change := func(edit func(q url.Values)) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, "k8s-aws-v1."))
		require.NoError(t, err)
		u, err := url.Parse(string(raw))
		require.NoError(t, err)
		q := u.Query()
		edit(q)
		u.RawQuery = q.Encode()
		return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(u.String()))
	}
	for name, test := range map[string]struct{ cluster, token, says string }{
		"another cluster's":    {"test", good, "SignatureDoesNotMatch"},
		"one that has expired": {"prod", old, "expired"},
		"one that is dated on": {"prod", change(func(q url.Values) { q.Set("X-Amz-Date", time.Now().UTC().Add(time.Minute).Format("20060102T150405Z")) }), "SignatureDoesNotMatch"},
		"another's name": {"prod", change(func(q url.Values) {
			q.Set("X-Amz-Credential", strings.Replace(q.Get("X-Amz-Credential"), userKey, roleKey, 1))
		}), "InvalidClientTokenId"},
		"a signature of nobody":   {"prod", change(func(q url.Values) { q.Set("X-Amz-Signature", strings.Repeat("0", 64)) }), "SignatureDoesNotMatch"},
		"without a cluster":       {"prod", change(func(q url.Values) { q.Set("X-Amz-SignedHeaders", "host") }), "did not sign the x-k8s-aws-id header"},
		"the good one, as it was": {"prod", change(func(url.Values) {}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify(t, newSTS(), test.cluster, "aws", "eu-central-1", test.token)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}

// With the credentials that sign it a token ends too.
func TestATokenOfARoleEndsWithTheRole(t *testing.T) {
	asUser(t)
	service := newSTS()
	server := httptest.NewServer(service)
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	c := config.EKS{Name: "prod", Region: "eu-central-1", RoleARN: roleARN, ExternalID: secret.New("ext-4711")}
	token, until := tokenAt(t, c, time.Now())
	assert.WithinDuration(t, time.Now().Add(13*time.Minute), until, time.Minute)
	who, err := verify(t, service, "prod", "aws", "eu-central-1", token)
	require.NoError(t, err)
	assert.Equal(t, roleARN, who.CanonicalARN)
	_, until = tokenAt(t, c, time.Now().Add(55*time.Minute))
	assert.WithinDuration(t, time.Now().Add(time.Hour), until, time.Minute)

	c.ExternalID = secret.New("ext-0815")
	_, _, err = cluster.EKSToken(t.Context(), c, time.Now)
	require.ErrorContains(t, err, "get AWS credentials")
	require.ErrorContains(t, err, "403 AccessDenied")
	assert.NotContains(t, err.Error(), "0815")
}

// eksAPI answers DescribeCluster.
func eksAPI(t *testing.T, status int, code, body string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/clusters/prod" || !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/eks/aws4_request") {
			status = http.StatusTeapot
		}
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAnswersOfDescribeCluster(t *testing.T) {
	asUser(t)
	find := func(status int, code, body string) (string, []byte, error) {
		return cluster.FindEKS(t.Context(), config.EKS{Name: "prod", Region: "eu-central-1", Endpoint: eksAPI(t, status, code, body)})
	}
	ca := base64.StdEncoding.EncodeToString([]byte("pem"))
	server, got, err := find(200, "", `{"cluster":{"endpoint":"https://0A1B.gr7.eu-central-1.eks.amazonaws.com","certificateAuthority":{"data":"`+ca+`"},"status":"ACTIVE"}}`)
	require.NoError(t, err)
	assert.Equal(t, []string{"https://0A1B.gr7.eu-central-1.eks.amazonaws.com", "pem"}, []string{server, string(got)})

	for name, test := range map[string]struct {
		status       int
		code, body   string
		wrong, final bool
		says         string
	}{
		"no such cluster": {
			404, "ResourceNotFoundException", `{"message":"No cluster found for name: prod."}`, true, true,
			"wrong configuration: EKS has no cluster prod in eu-central-1, or not in this account: 404 ResourceNotFoundException: No cluster found for name: prod.",
		},
		"not allowed": {
			403, "AccessDeniedException", `{"message":"User: arn:aws:iam::1:user/x is not authorized"}`, false, true,
			"not allowed: this needs eks:DescribeCluster on cluster prod in eu-central-1: 403 AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized",
		},
		"throttled":       {429, "TooManyRequestsException", `{"message":"slow down"}`, false, false, "eks:DescribeCluster: 429 TooManyRequestsException: slow down"},
		"AWS is down":     {503, "ServiceUnavailableException", `{}`, false, false, "eks:DescribeCluster: 503 ServiceUnavailableException"},
		"a proxy's page":  {502, "", `<html>`, false, false, "eks:DescribeCluster: "},
		"being made":      {200, "", `{"cluster":{"status":"CREATING"}}`, false, false, "EKS cluster prod has no endpoint: its status is CREATING"},
		"no certificate":  {200, "", `{"cluster":{"endpoint":"https://h","certificateAuthority":{}}}`, false, false, "holds no certificate"},
		"nothing at all":  {200, "", `{}`, false, false, "its status is unknown"},
		"expired session": {400, "ExpiredTokenException", `{"message":"m"}`, false, false, "400 ExpiredTokenException: m"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := find(test.status, test.code, test.body)
			require.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "127.0.0.1")
			if test.wrong {
				require.ErrorIs(t, err, cluster.ErrMisconfigured)
			} else {
				require.NotErrorIs(t, err, cluster.ErrMisconfigured)
			}
			var permanent *backoff.PermanentError
			assert.Equal(t, test.final, errors.As(err, &permanent))
		})
	}

	withoutClouds(t)
	_, _, err = cluster.FindEKS(t.Context(), config.EKS{Name: "prod"})
	require.ErrorIs(t, err, cluster.ErrMisconfigured)
	require.ErrorContains(t, err, "region is missing")
	_, _, err = cluster.FindEKS(t.Context(), config.EKS{Name: "prod", Region: "eu-central-1"})
	require.ErrorContains(t, err, "get AWS credentials")
	require.NotErrorIs(t, err, cluster.ErrMisconfigured, "the role of a pod may be late")
}
