//go:build !slim || aws

package cluster

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/config"
)

const (
	eksTokenPrefix = "k8s-aws-v1."
	// eksTokenLife: STS takes a signed request for 15 minutes, whatever its X-Amz-Expires says
	// (sigs.k8s.io/aws-iam-authenticator, pkg/token). The last two are for clocks that differ and requests under way.
	eksTokenLife = 13 * time.Minute
)

// eksCloud finds a cluster by DescribeCluster. A token is a GetCallerIdentity
// request that is signed here and sent by the cluster: nobody is asked for it.
type eksCloud struct {
	name   string
	access awsconfig.Config
	now    func() time.Time

	mu     sync.Mutex
	loaded *aws.Config // nil before the first use
}

func newEKS(c config.EKS, now func() time.Time) (cloud, error) {
	e := &eksCloud{name: c.Name, now: now, access: awsconfig.Config{
		Region: c.Region, Endpoint: c.Endpoint,
		AssumeRole: awsconfig.AssumeRole{RoleARN: c.RoleARN, ExternalID: c.ExternalID},
	}}
	if err := e.access.Check(); err != nil {
		return nil, fmt.Errorf("eks: %w", err)
	}
	return e, nil
}

// open reads the SDK's configuration and gets credentials, which it keeps until
// they expire.
func (e *eksCloud) open(ctx context.Context) (aws.Config, aws.Credentials, error) {
	loaded, err := e.load(ctx)
	if err != nil {
		if _, wrong := err.(*awsconfig.SetupError); wrong { //nolint:errorlint // Load returns it bare
			err = misconfigured(err)
		}
		return aws.Config{}, aws.Credentials{}, err
	}
	credentials, err := e.access.Credentials(ctx, loaded.Credentials)
	return loaded, credentials, err
}

func (e *eksCloud) load(ctx context.Context) (aws.Config, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded == nil {
		loaded, err := e.access.Load(ctx)
		if err != nil {
			return aws.Config{}, err
		}
		e.loaded = &loaded
	}
	return *e.loaded, nil
}

// find implements cloud.
func (e *eksCloud) find(ctx context.Context) (place, error) {
	loaded, _, err := e.open(ctx)
	if err != nil {
		return place{}, err
	}
	answer, err := eks.NewFromConfig(loaded).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &e.name})
	switch {
	case awsconfig.IsCode(err, "ResourceNotFoundException"):
		return place{}, misconfigured(fmt.Errorf("EKS has no cluster %s in %s, or not in this account: %w", e.name, loaded.Region, awsconfig.Plain(ctx, err)))
	case awsconfig.IsCode(err, "AccessDeniedException"):
		return place{}, denied(fmt.Errorf("not allowed: this needs eks:DescribeCluster on cluster %s in %s: %w", e.name, loaded.Region, awsconfig.Plain(ctx, err)))
	case err != nil:
		return place{}, fmt.Errorf("eks:DescribeCluster: %w", awsconfig.Plain(ctx, err))
	}
	c := answer.Cluster
	if c == nil || c.Endpoint == nil || c.CertificateAuthority == nil {
		state := "unknown"
		if c != nil {
			state = string(c.Status)
		}
		return place{}, fmt.Errorf("EKS cluster %s has no endpoint: its status is %s", e.name, state)
	}
	ca, err := base64.StdEncoding.DecodeString(aws.ToString(c.CertificateAuthority.Data))
	if err != nil || len(ca) == 0 {
		return place{}, fmt.Errorf("EKS's answer holds no certificate of cluster %s", e.name)
	}
	return place{server: *c.Endpoint, ca: ca}, nil
}

// token implements cloud.
func (e *eksCloud) token(ctx context.Context) (string, time.Time, error) {
	loaded, credentials, err := e.open(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	now := e.now()
	client := sts.NewPresignClient(sts.NewFromConfig(loaded, func(o *sts.Options) {
		// The cluster sends the request, and only to a public name of STS: neither to a private endpoint of this network
		// nor to that of the EKS API.
		o.BaseEndpoint = nil
		o.APIOptions = append(o.APIOptions,
			smithyhttp.SetHeaderValue("X-K8s-Aws-Id", e.name), smithyhttp.SetHeaderValue("X-Amz-Expires", "60"))
	}))
	signed, err := client.PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
		o.Presigner = signer{v4.NewSigner(), now}
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign it: %w", awsconfig.Plain(ctx, err))
	}
	until := now.Add(eksTokenLife)
	if credentials.CanExpire && credentials.Expires.Before(until) {
		until = credentials.Expires // with what has signed it the token ends too
	}
	return eksTokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(signed.URL)), until, nil
}

// forget implements cloud. The credentials may have been taken back with the token.
func (e *eksCloud) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded == nil {
		return
	}
	if cache, ok := e.loaded.Credentials.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}

// refused implements cloud.
func (e *eksCloud) refused() string {
	who := "the IAM role or user that packetboat runs as"
	if role := e.access.AssumeRole.RoleARN; role != "" {
		who = role
	}
	return fmt.Sprintf("EKS cluster %s needs an access entry (or a line in its ConfigMap aws-auth) for %s; "+
		"if it has one, the clock of this machine may be wrong", e.name, who)
}

// signer signs by our clock: the token's life is counted by the same.
type signer struct {
	*v4.Signer
	now time.Time
}

func (s signer) PresignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string,
	_ time.Time, options ...func(*v4.SignerOptions),
) (string, http.Header, error) {
	return s.Signer.PresignHTTP(ctx, c, r, payloadHash, service, region, s.now, options...)
}
