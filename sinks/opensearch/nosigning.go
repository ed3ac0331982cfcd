//go:build slim && !aws

package opensearch

import (
	"errors"
	"net/http"

	"github.com/packetboat/packetboat/sinks"
)

func (c Config) signing(sinks.Env) (func(http.RoundTripper) http.RoundTripper, error) {
	if c.AWSService != "" {
		return nil, errors.New("awsService: is not built into this binary (built with -tags slim): use one that has the receivers of AWS")
	}
	return unsigned, nil
}
