package awsclient

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what all AWS sinks let the user set. A sink's Config embeds it
// inline.
type Config struct {
	// Region is by default that of the environment or of the shared AWS configuration.
	Region string `yaml:"region"`
	// Endpoint is the URL of the service if it is not the region's public one:
	// a VPC endpoint, or a service that speaks AWS's protocol.
	Endpoint   string     `yaml:"endpoint"`
	AssumeRole AssumeRole `yaml:"assumeRole"`
	// AccessKeyID and SecretAccessKey are for services without roles. On AWS leave
	// them out: the SDK's default chain finds a role.
	AccessKeyID     secret.String `yaml:"accessKeyID"`
	SecretAccessKey secret.String `yaml:"secretAccessKey"`

	HTTP httppost.Config `yaml:",inline"`
}

// AssumeRole says which role to take on, with the credentials found first.
type AssumeRole struct {
	// RoleARN is the role to take on.
	RoleARN string `yaml:"roleARN"`
	// ExternalID is what the role's trust policy asks for, if it does.
	ExternalID secret.String `yaml:"externalID"`
	// SessionName is what CloudTrail shows; by default packetboat.
	SessionName string `yaml:"sessionName"`
}

const defaultSession = "packetboat"

// RegionOf is the region that an ARN names, "" if it names none. A sink takes
// it where the user sets no region.
func RegionOf(text string) string {
	parsed, err := arn.Parse(text)
	if err != nil {
		return ""
	}
	return parsed.Region
}

func (c Config) check() error {
	if c.Endpoint != "" {
		endpoint, err := httppost.ParseURL(c.Endpoint)
		if err != nil {
			return fmt.Errorf("endpoint: %w", err)
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
