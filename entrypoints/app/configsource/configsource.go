// Package configsource reads a configuration from where it is: a file, a
// variable of the environment, an object of S3 or Cloud Storage, a ConfigMap or
// an AWS SSM parameter.
//
// Open looks at the spelling only. Read makes one attempt and reads at most
// config.MaxBytes and what is needed to see that there is more; where the place
// knows versions, a further Read is answered by "not modified". Its errors name
// the permission that is missing, and fetch.IsWrong tells those that no further
// try mends. A Source is used by one goroutine at a time.
package configsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// Source is one place.
type Source struct {
	Name string // as it was given to Open
	Path string // if it is a file, else ""

	read func(ctx context.Context, known string) (content, error)
	last content
}

// content is a configuration in one version.
type content struct {
	data    []byte
	version string // "" where the place does not tell
	same    bool   // it is that version still; there is no data
}

// Kube makes a client, and end gives up its connections.
type Kube func() (client rest.Interface, end func(), err error)

// Open takes the spelling apart. What has none of the known beginnings is a file.
func Open(name string, kube Kube) (*Source, error) {
	s := &Source{Name: name}
	scheme, rest, found := strings.Cut(name, ":")
	if !found {
		scheme = "" // a file may be called env
	}
	var err error
	switch scheme {
	case "env":
		s.read, err = variable(rest)
	case "s3":
		s.read, err = object(rest, "s3://BUCKET/KEY", s3Object)
	case "gs":
		s.read, err = object(rest, "gs://BUCKET/OBJECT", gcsObject)
	case "configmap":
		s.read, err = configMap(rest, kube)
	case "ssm":
		s.read, err = parameter(rest)
	default:
		s.Path, s.read = name, readFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Read returns the configuration as it is now.
func (s *Source) Read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetch.Timeout, fmt.Errorf("no answer within %s", fetch.Timeout))
	defer cancel()
	now, err := s.read(ctx, s.last.version)
	if err != nil {
		return nil, err
	}
	if now.same {
		return s.last.data, nil
	}
	if len(now.data) > config.MaxBytes {
		return nil, fetch.Wrongf("has more than %d bytes, the limit of a configuration", config.MaxBytes)
	}
	s.last = now
	return now.data, nil
}

type reader = func(ctx context.Context, known string) (content, error)

func readFile(path string) reader {
	return func(context.Context, string) (content, error) {
		f, err := os.Open(path)
		if err != nil {
			return content{}, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return content{}, err
		}
		if size := info.Size(); size > config.MaxBytes {
			return content{}, fetch.Wrongf("%s has %d bytes, the limit is %d", path, size, config.MaxBytes)
		}
		data, err := readAll(f)
		return content{data: data}, err
	}
}

// readAll reads no more than what is enough to know that it is too much.
func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, config.MaxBytes+1)) }

func variable(name string) (reader, error) {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return nil, errors.New("want env:NAME")
	}
	return func(context.Context, string) (content, error) {
		text, ok := os.LookupEnv(name)
		if !ok {
			return content{}, fetch.Wrongf("variable %s is not set", name)
		}
		return content{data: []byte(text)}, nil
	}, nil
}

// object is for the two that name a bucket and what is in it.
func object(rest, want string, open func(bucket, key string) reader) (reader, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	if !strings.HasPrefix(rest, "//") || !ok || bucket == "" || key == "" {
		return nil, errors.New("want " + want)
	}
	return open(bucket, key), nil
}

func parameter(name string) (reader, error) {
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "arn:") {
		return nil, errors.New("want ssm:/PATH or ssm:ARN")
	}
	return ssmParameter(name), nil
}
