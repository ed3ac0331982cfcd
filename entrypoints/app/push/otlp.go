package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/packetboat/packetboat/core/config"
)

// otlp exports what the registry holds now. The exporter reads OpenTelemetry's
// own variables; options go before them.
func (p *Pusher) otlp(ctx context.Context) (err error) {
	exporter, err := otlpmetrichttp.New(ctx, otlpOptions(p.Config.OTLP)...)
	if err != nil {
		return fmt.Errorf("%w: %w", errSetUp, err)
	}
	defer func() { err = errors.Join(err, exporter.Shutdown(ctx)) }()
	about, err := p.resource(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errSetUp, err)
	}
	scopes, err := bridge.NewMetricProducer(bridge.WithGatherer(p.Metrics.Registry)).Produce(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errSetUp, err)
	}
	return exporter.Export(ctx, &metricdata.ResourceMetrics{Resource: about, ScopeMetrics: scopes})
}

func otlpOptions(c *config.OTLP) []otlpmetrichttp.Option {
	var options []otlpmetrichttp.Option
	if u, err := url.Parse(c.Endpoint.Reveal()); err == nil && u.Host != "" {
		if u.Path == "" || u.Path == "/" {
			u.Path = "/v1/metrics"
		}
		options = append(options, otlpmetrichttp.WithEndpointURL(u.String()))
	}
	if len(c.Headers) > 0 {
		headers := map[string]string{}
		for name, value := range c.Headers {
			headers[name] = value.Reveal()
		}
		options = append(options, otlpmetrichttp.WithHeaders(headers))
	}
	return options
}

// resource says whose metrics these are; OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES go before it.
func (p *Pusher) resource(ctx context.Context) (*resource.Resource, error) {
	attributes := []attribute.KeyValue{
		attribute.String("service.name", "packetboat"),
		attribute.String("service.version", cmp.Or(p.Version, "unknown")),
	}
	if p.Cluster != "" {
		attributes = append(attributes, attribute.String("service.instance.id", p.Cluster))
	}
	return resource.New(ctx, resource.WithAttributes(attributes...), resource.WithTelemetrySDK(), resource.WithFromEnv())
}
