package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-itam/muster/internal/inventory"
)

const (
	// maxRatio is how many bytes one compressed byte may become, once there are ratioFree of them.
	maxRatio  = 100
	ratioFree = 1 << 20
	// maxWindow bounds what a zstd frame makes us allocate (RFC 8878 §3.1.1.1.2 recommends 8 MiB).
	maxWindow = 8 << 20

	bodyGrace = 10 * time.Second // before the rate counts
	minRate   = 16 << 10         // bytes a second a body must come at, at least
	// bigBody is the size from which a body needs one of the few places for big ones.
	bigBody = 256 << 10
)

// unpackers keeps decompressors for the next body: each has tables of some 40 KiB.
type unpackers struct{ gzip sync.Pool }

// readBody reads and decompresses r's whole body, at most limit bytes. big is called once,
// when the body turns out big.
func (u *unpackers) readBody(w http.ResponseWriter, r *http.Request, limit int64, big func(context.Context) error) ([]byte, error) {
	control := http.NewResponseController(w)
	if r.Body == http.NoBody {
		_ = control.SetReadDeadline(time.Time{})
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(tooLargeText(limit))
	}
	raw := &pacedReader{r: r.Body, control: control, start: time.Now()}
	src, done, err := u.decompress(raw, r.Header.Values("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	defer done()
	body := make([]byte, 0, max(512, min(r.ContentLength, limit, bigBody)+1))
	for asked := false; ; {
		body = slices.Grow(body, 1)
		n, err := src.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		size := int64(len(body))
		switch {
		case size > limit:
			return nil, tooLarge(tooLargeText(limit))
		case size > ratioFree && size > maxRatio*raw.total:
			return nil, tooLarge("the body is compressed more than 100:1")
		case errors.Is(err, io.EOF):
			// The connection has said all it had to say: a deadline would cut off a handler that takes long.
			_ = control.SetReadDeadline(time.Time{})
			return body, nil
		case err != nil:
			return nil, bodyError(err)
		case size > bigBody && !asked:
			asked = true
			if err := big(r.Context()); err != nil {
				return nil, err
			}
		}
	}
}

func tooLargeText(limit int64) string {
	if limit == 0 {
		return "this route takes no body"
	}
	return "the body is larger than " + sizeText(limit) + " (decompressed)"
}

func sizeText(n int64) string {
	if n >= 1<<20 {
		return itoa(n>>20) + " MiB"
	}
	return itoa(n>>10) + " KiB"
}

// bodyError says what went wrong with reading: the sender's fault, whatever it was.
func bodyError(err error) error {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return tooLarge("the body's zstd window is larger than 8 MiB")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{status: http.StatusRequestTimeout, code: "deadline_exceeded", message: "the body came too slowly"}
	}
	return inventory.Errorf(inventory.CodeInvalid, "the body cannot be read or decompressed")
}

// decompress undoes the body's one encoding.
func (u *unpackers) decompress(src io.Reader, encodings []string) (io.Reader, func(), error) {
	nothing := func() {}
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))); encoding {
	case "", "identity":
		return src, nothing, nil
	case "gzip":
		z, _ := u.gzip.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		if err := z.Reset(src); err != nil {
			return nil, nothing, bodyError(err)
		}
		return z, func() { u.gzip.Put(z) }, nil
	case "zstd":
		z, err := zstd.NewReader(src, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nothing, bodyError(err)
		}
		return z, z.Close, nil
	default:
		if strings.Contains(encoding, ",") {
			return nil, nothing, tooLarge("the body is encoded more than once")
		}
		return nil, nothing, &refusal{status: http.StatusUnsupportedMediaType, code: "unimplemented", message: "gzip and zstd are the encodings a body may have"}
	}
}

// pacedReader counts what comes over the connection and gives it up when that comes too slowly.
type pacedReader struct {
	r       io.Reader
	control *http.ResponseController
	start   time.Time
	until   time.Time
	total   int64
}

func (p *pacedReader) Read(b []byte) (int, error) {
	due := p.start.Add(bodyGrace + time.Duration(p.total)*time.Second/minRate)
	if due.Sub(p.until) > time.Second {
		p.until = due
		_ = p.control.SetReadDeadline(due)
	}
	n, err := p.r.Read(b)
	p.total += int64(n)
	return n, err
}
