package opensearch

import (
	"errors"
	"fmt"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks/bulk"
)

// Config is what stands below opensearch: in a receiver.
type Config struct {
	bulk.Config `yaml:",inline"`

	// AWSService signs requests with Signature Version 4: es for a domain of Amazon
	// OpenSearch Service, aoss for a collection of OpenSearch Serverless.
	AWSService string `yaml:"awsService"`
	// Region, AssumeRole and the keys are as in all AWS receivers.
	Region     string               `yaml:"region"`
	AssumeRole awsconfig.AssumeRole `yaml:"assumeRole"`
	// AccessKeyID and SecretAccessKey are for services without roles.
	AccessKeyID     secret.String `yaml:"accessKeyID"`
	SecretAccessKey secret.String `yaml:"secretAccessKey"`
}

func defaults() Config { return Config{} }

func (c Config) check() error {
	if len(c.Hosts) == 0 {
		return errors.New("hosts: is missing: write hosts: [http://localhost:9200] or the like, or set OPENSEARCH_URL")
	}
	switch c.AWSService {
	case "":
		if c.Region != "" || c.AssumeRole.RoleARN != "" || !c.AccessKeyID.IsZero() {
			return errors.New("awsService: is missing, want es or aoss to sign requests for AWS")
		}
	case "es", "aoss":
		if c.Username != "" || !c.Password.IsZero() {
			return errors.New("awsService: cannot be set beside username and password")
		}
	default:
		return fmt.Errorf("awsService: want es or aoss, got %q", c.AWSService)
	}
	return nil
}
