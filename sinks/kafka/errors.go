package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// topicError is a topic that does not exist or may not be written to.
type topicError struct {
	missing bool
	err     error
}

func (e *topicError) Error() string { return e.err.Error() }
func (e *topicError) Unwrap() error { return e.err }

// judge gives an error of sarama its verdict. What is not clearly the fault of a
// record or of the configuration is transient.
func judge(err error) error {
	if errors.Is(err, sarama.ErrSASLAuthenticationFailed) {
		// Without the broker's own words: they can repeat the password.
		return sinks.Stop(fmt.Errorf("connect to the brokers: %w", sarama.ErrSASLAuthenticationFailed))
	}
	var code sarama.KError
	if !errors.As(err, &code) {
		return judgeConnection(err)
	}
	switch code {
	case sarama.ErrUnknownTopicOrPartition:
		return &topicError{missing: true, err: fmt.Errorf("it does not exist: %w", err)}
	case sarama.ErrTopicAuthorizationFailed, sarama.ErrInvalidTopic, sarama.ErrPolicyViolation:
		return &topicError{err: err}
	case sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge, // the caller halves the batch to find out whose fault it is
		sarama.ErrInvalidTimestamp, sarama.ErrInvalidRecord:
		return sinks.Permanent(err)
	case sarama.ErrUnsupportedSASLMechanism, sarama.ErrIllegalSASLState,
		sarama.ErrClusterAuthorizationFailed, sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrSecurityDisabled,
		sarama.ErrInvalidRequiredAcks, sarama.ErrUnsupportedVersion, sarama.ErrUnsupportedForMessageFormat,
		sarama.ErrUnsupportedCompressionType:
		return sinks.Stop(err)
	}
	return err
}

func judgeConnection(err error) error {
	var config sarama.ConfigurationError
	if errors.As(err, &config) {
		return sinks.Stop(err)
	}
	return httppost.NetworkError(context.Background(), err)
}
