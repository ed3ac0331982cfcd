package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// tokenFileLife is how long a token is used without another look at its file, as
// client-go has it: a kubelet renews a pod's when a fifth of its life is left, of
// ten minutes or more.
const tokenFileLife = time.Minute

// address is a cloud with one cluster, which needs no looking for. client-go's own
// way to use a token file goes on with a token that is refused for up to a minute.
type address struct {
	place
	file string
	now  func() time.Time
}

func server(c Config) (*rest.Config, error) {
	if c.TokenFile == "" {
		return &rest.Config{Host: c.Server, TLSClientConfig: rest.TLSClientConfig{CAData: c.CAData}}, nil
	}
	a := &address{place{c.Server, c.CAData}, c.TokenFile, time.Now}
	if _, err := a.read(); err != nil {
		return nil, err
	}
	return fromOutside(a, time.Now), nil
}

func (a *address) read() (string, error) {
	raw, err := os.ReadFile(a.file)
	if err != nil {
		return "", fmt.Errorf("read tokenFile: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", errors.New("read tokenFile: the file is empty")
	}
	return token, nil
}

// find implements cloud.
func (a *address) find(context.Context) (place, error) { return a.place, nil }

// token implements cloud.
func (a *address) token(context.Context) (string, time.Time, error) {
	token, err := a.read()
	return token, a.now().Add(tokenFileLife), err
}

// forget implements cloud: the file is read again anyway.
func (a *address) forget() {}

// refused implements cloud.
func (a *address) refused() string { return "what is in tokenFile is no token of it, or has expired" }
