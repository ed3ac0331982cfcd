package elasticsearch

import (
	"errors"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks/bulk"
)

// Config is what stands below elasticsearch: in a receiver.
type Config struct {
	bulk.Config `yaml:",inline"`
	// CloudID names a deployment of Elastic Cloud, in place of hosts.
	CloudID string `yaml:"cloudID"`
	// APIKey is the encoded key; it wins over username and password, as upstream.
	APIKey secret.String `yaml:"apiKey"`
	// ServiceToken is a service account's, in place of username and password.
	ServiceToken secret.String `yaml:"serviceToken"`
}

func defaults() Config { return Config{} }

func (c Config) check() error {
	switch {
	case len(c.Hosts) == 0 && c.CloudID == "":
		return errors.New("hosts: is missing: write hosts: [http://localhost:9200] or the like, or cloudID, or set ELASTICSEARCH_URL")
	case len(c.Hosts) > 0 && c.CloudID != "":
		return errors.New("cloudID: cannot be set beside hosts")
	case !c.ServiceToken.IsZero() && (!c.APIKey.IsZero() || c.Username != "" || !c.Password.IsZero()):
		return errors.New("serviceToken: cannot be set beside apiKey, username and password")
	}
	return nil
}
