package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// repair makes the file end with a line break and returns its size. The end
// without one is what a kill, a crash or a full disk left:
//
//   - a whole JSON value only lacks its line break and gets it;
//   - the beginning of a line of ours was never accepted and will be sent again
//     whole, so it is cut off;
//   - anything else is not ours and is ended.
func (s *sink) repair() (int64, error) {
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	tail, err := lastLine(s.file, info.Size())
	if err != nil || len(tail) == 0 {
		return info.Size(), err
	}
	size := info.Size()
	if len(tail) <= maxBatch && tail[0] == s.config.firstByte() && !json.Valid(tail) {
		size -= int64(len(tail))
		s.log.Info("cut off an unfinished line, which will be sent again", "bytes", len(tail))
		err = s.file.Truncate(size)
	} else {
		size++
		_, err = s.disk.write(s.file, []byte("\n"))
	}
	if err != nil {
		return 0, err
	}
	return size, s.disk.sync(s.file)
}

const block = 64 << 10

// lastLine is what follows the last line break of a file. Of a line that is
// longer than any of ours it is only the end, longer than maxBatch all the same.
func lastLine(file *os.File, size int64) ([]byte, error) {
	var blocks [][]byte // from the end backwards
	length := 0
	for at := size; at > 0 && length <= maxBatch; {
		b := make([]byte, min(block, at))
		at -= int64(len(b))
		if _, err := file.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		found := bytes.LastIndexByte(b, '\n')
		blocks = append(blocks, b[found+1:])
		length += len(b) - (found + 1)
		if found >= 0 {
			break
		}
	}
	line := make([]byte, 0, length)
	for i := len(blocks) - 1; i >= 0; i-- {
		line = append(line, blocks[i]...)
	}
	return line, nil
}
