package config

import (
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/packetboat/packetboat/core/secret"
)

// Metrics says where metrics are pushed to, at the end of a run and in watch
// mode every Interval. What is nil is not pushed to.
type Metrics struct {
	Interval    time.Duration `yaml:"interval"` // default 1m
	Pushgateway *Pushgateway  `yaml:"pushgateway"`
	OTLP        *OTLP         `yaml:"otlp"`
	CloudWatch  *CloudWatch   `yaml:"cloudwatch"`
}

// Pushgateway is Prometheus' own.
type Pushgateway struct {
	URL      secret.String `yaml:"url"`      // http or https; it may hold a password
	Job      string        `yaml:"job"`      // default packetboat
	Instance string        `yaml:"instance"` // default Config.ClusterName
	// Username and Password are basic authentication.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`
	// Headers are added to every request.
	Headers map[string]secret.String `yaml:"headers"`
}

// OTLP is a collector that takes OTLP over HTTP. What is not set here is taken
// from the variables OTEL_EXPORTER_OTLP_*.
type OTLP struct {
	Endpoint secret.String `yaml:"endpoint"` // http or https; it may hold a key
	// Headers are added to every request.
	Headers map[string]secret.String `yaml:"headers"`
}

// CloudWatch prints CloudWatch's embedded metric format to the standard output.
type CloudWatch struct {
	Namespace string `yaml:"namespace"` // default packetboat
}

func (l *loader) checkMetrics(top place) {
	m := &l.config.Metrics
	if m.Interval < time.Second {
		l.wrong(top, "metrics.interval", "must be 1s or more", "")
	}
	if p := m.Pushgateway; p != nil {
		l.checkAddress(top, "metrics.pushgateway.url", p.URL, true)
		l.checkHeaders(top, "metrics.pushgateway.headers", p.Headers)
		if p.Username == "" && !p.Password.IsZero() {
			l.wrong(top, "metrics.pushgateway.password", "there is no username that belongs to it", "")
		}
		setDefault(&p.Job, "packetboat")
		setDefault(&p.Instance, l.config.ClusterName)
	}
	if o := m.OTLP; o != nil {
		l.checkAddress(top, "metrics.otlp.endpoint", o.Endpoint, false)
		// Its client drops them without a word.
		if u, err := url.Parse(o.Endpoint.Reveal()); err == nil && (u.User != nil || u.RawQuery != "") {
			l.wrong(top, "metrics.otlp.endpoint", "user, password and query are not sent to this address", "put what identifies you into headers")
		}
		l.checkHeaders(top, "metrics.otlp.headers", o.Headers)
	}
	if c := m.CloudWatch; c != nil {
		const longest = 255 // of a CloudWatch namespace; those that begin with AWS/ are Amazon's own
		if len(c.Namespace) > longest || strings.HasPrefix(c.Namespace, "AWS/") {
			l.wrong(top, "metrics.cloudwatch.namespace", "a namespace has at most 255 characters and does not begin with AWS/", "")
		}
		setDefault(&c.Namespace, "packetboat")
	}
}

func (l *loader) checkAddress(top place, key string, address secret.String, needed bool) {
	if address.IsZero() {
		if needed {
			l.wrong(top, key, "must be set", "such as http://pushgateway.monitoring:9091")
		}
		return
	}
	u, err := url.Parse(address.Reveal())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		l.wrong(top, key, "want an address that begins with http:// or https://", "")
	}
}

func (l *loader) checkHeaders(top place, key string, headers map[string]secret.String) {
	for name, value := range headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			l.wrong(top, key+"."+name, "is no HTTP header", "")
		}
	}
}

func setDefault(value *string, otherwise string) {
	if *value == "" {
		*value = otherwise
	}
}
