package kafka

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/packetboat/packetboat/sinks"
)

func (s *sink) authenticate(ctx context.Context, sc *sarama.Config) {
	c := s.config.SASL
	if !c.Enable {
		return
	}
	to := &sc.Net.SASL
	to.Enable = true
	to.User, to.Password = c.Username, c.Password.Reveal()
	switch c.Mechanism {
	case "", "plain":
		to.Mechanism = sarama.SASLTypePlaintext
	case "sha256":
		to.Mechanism = sarama.SASLTypeSCRAMSHA256
		to.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: sha256.New} }
	case "sha512":
		to.Mechanism = sarama.SASLTypeSCRAMSHA512
		to.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: sha512.New} }
	case "oauthbearer":
		to.Mechanism = sarama.SASLTypeOAuth
		to.TokenProvider = c.OAuth.provider(ctx)
	case "aws-msk-iam":
		to.Mechanism = sarama.SASLTypeOAuth
		to.TokenProvider = tokens(func() (string, error) { return s.awsToken(ctx) })
	}
}

// scramClient is one exchange.
type scramClient struct {
	hash func() hash.Hash
	*scram.ClientConversation
}

func (c *scramClient) Begin(username, password, authzID string) error {
	client, err := scram.HashGeneratorFcn(c.hash).NewClient(username, password, authzID)
	if err != nil {
		return err
	}
	c.ClientConversation = client.NewConversation()
	return nil
}

// tokens is asked for each connection.
type tokens func() (string, error)

func (f tokens) Token() (*sarama.AccessToken, error) {
	token, err := f()
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: token}, nil
}

const tokenTimeout = 20 * time.Second

func (o oauthConfig) provider(ctx context.Context) sarama.AccessTokenProvider {
	if o.TokenFile != "" {
		return tokens(func() (string, error) {
			content, err := os.ReadFile(o.TokenFile)
			if err != nil {
				return "", sinks.Stop(fmt.Errorf("read sasl.oauth.tokenFile: %w", err))
			}
			return strings.TrimSpace(string(content)), nil
		})
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout})
	credentials := clientcredentials.Config{
		TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), Scopes: o.Scopes,
	}
	source := credentials.TokenSource(ctx) // keeps a token until it expires
	return tokens(func() (string, error) {
		token, err := source.Token()
		if err == nil {
			return token.AccessToken, nil
		}
		// Without the token service's own words: they may repeat the secret.
		var answer *oauth2.RetrieveError
		if !errors.As(err, &answer) || answer.Response == nil {
			return "", errors.New("get an OAuth token: no answer")
		}
		status := answer.Response.StatusCode
		err = fmt.Errorf("get an OAuth token: answered %d", status)
		if status/100 == 4 && status != http.StatusTooManyRequests {
			return "", sinks.Stop(err)
		}
		return "", err
	})
}
