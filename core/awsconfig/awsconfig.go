//go:build !slim || aws

// Package awsconfig is the one way in which this program finds AWS: region,
// credentials, roles and endpoints, for sinks, stores, secrets and clusters.
//
// Check reads nothing. Load reads the environment and the shared AWS
// configuration and asks nobody; credentials are looked for when the first call
// needs them. Nothing here is kept: who loads keeps what was loaded, and loads
// again after an error. The SDK's own retries are off, the callers have theirs.
// Errors hold no endpoint, credential or external ID. All functions may be called
// concurrently.
package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/packetboat/packetboat/core/secret"
)

// Config is what everything that reaches AWS lets the user set. It is embedded
// inline.
type Config struct {
	// Region is by default that of the environment or of the shared AWS configuration.
	Region string `yaml:"region"`
	// Endpoint is the URL of the service if it is not the region's public one:
	// a VPC endpoint, or a service that speaks AWS's protocol, such as MinIO.
	Endpoint   string     `yaml:"endpoint"`
	AssumeRole AssumeRole `yaml:"assumeRole"`
	// AccessKeyID and SecretAccessKey are for services without roles. On AWS leave
	// them out: the SDK's default chain finds a role.
	AccessKeyID     secret.String `yaml:"accessKeyID"`
	SecretAccessKey secret.String `yaml:"secretAccessKey"`
}

const defaultSession = "packetboat"

// SetupError says what only the operator can mend: trying again is of no use.
type SetupError struct{ text string }

func (e *SetupError) Error() string { return e.text }

// RegionOf is the region that an ARN names, "" if it names none. A caller takes
// it where the user sets no region.
func RegionOf(text string) string {
	parsed, err := arn.Parse(text)
	if err != nil {
		return ""
	}
	return parsed.Region
}

// Check finds what cannot work, without reading anything.
func (c Config) Check() error {
	if c.Endpoint != "" {
		endpoint, err := url.Parse(c.Endpoint)
		if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Hostname() == "" {
			return errors.New("endpoint: want a URL such as https://minio.example.com:9000")
		}
		if endpoint.User != nil {
			return errors.New("endpoint: holds a name or password: use accessKeyID and secretAccessKey")
		}
	}
	if strings.ContainsAny(c.Region, " /.") {
		return fmt.Errorf("region: %q is not a region such as eu-central-1", c.Region)
	}
	if c.AccessKeyID.IsZero() != c.SecretAccessKey.IsZero() {
		return errors.New("accessKeyID and secretAccessKey belong together, one of them is missing")
	}
	return c.AssumeRole.check()
}

func (a AssumeRole) check() error {
	if a.RoleARN == "" {
		if !a.ExternalID.IsZero() || a.SessionName != "" {
			return errors.New("assumeRole: roleARN is missing")
		}
		return nil
	}
	role, err := arn.Parse(a.RoleARN)
	if err != nil || role.Service != "iam" || !strings.HasPrefix(role.Resource, "role/") {
		return fmt.Errorf("assumeRole.roleARN: want arn:aws:iam::ACCOUNT:role/NAME, got %q", a.RoleARN)
	}
	return nil
}

// Load reads the SDK's configuration and applies the user's. Its error is a
// *SetupError where trying again is of no use.
func (c Config) Load(ctx context.Context) (aws.Config, error) {
	loaded, err := config.LoadDefaultConfig(ctx, c.options()...)
	if err != nil {
		var profile config.SharedConfigProfileNotExistError
		if errors.As(err, &profile) {
			return aws.Config{}, &SetupError{fmt.Sprintf("read AWS configuration: profile %q does not exist", profile.Profile)}
		}
		return aws.Config{}, fmt.Errorf("read AWS configuration: %w", Plain(ctx, err))
	}
	switch {
	case loaded.Region != "":
	case c.Endpoint == "":
		return aws.Config{}, &SetupError{"region is missing: set region or AWS_REGION"}
	default:
		loaded.Region = "us-east-1" // what services without regions take
	}
	if c.AssumeRole.RoleARN != "" {
		// Before the endpoint, and with the SDK's own connections: those are the service's, not those of STS.
		loaded.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(
			sts.NewFromConfig(loaded), c.AssumeRole.RoleARN, c.AssumeRole.apply))
	}
	if c.Endpoint != "" {
		loaded.BaseEndpoint = &c.Endpoint
	}
	return loaded, nil
}

func (c Config) options() []func(*config.LoadOptions) error {
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithLogger(logging.Nop{}), // else it writes to standard error, in a format of its own
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if !c.AccessKeyID.IsZero() {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			c.AccessKeyID.Reveal(), c.SecretAccessKey.Reveal(), "")))
	}
	return options
}

func (a AssumeRole) apply(o *stscreds.AssumeRoleOptions) {
	o.RoleSessionName = defaultSession
	if a.SessionName != "" {
		o.RoleSessionName = a.SessionName
	}
	if !a.ExternalID.IsZero() {
		o.ExternalID = aws.String(a.ExternalID.Reveal())
	}
}
