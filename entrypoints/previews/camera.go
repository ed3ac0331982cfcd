package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os/exec"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

const width = 724

// camera takes a picture of a file with the browser that is on the PATH; nil if
// there is none.
func camera(ctx context.Context) (shoot func(file string) ([]byte, error), end func()) {
	browser := findBrowser()
	if browser == "" {
		return nil, func() {}
	}
	allocator, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		// A page shows what it brings along.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"))...)
	tab, closeTab := chromedp.NewContext(allocator)
	end = func() {
		closeTab()
		stop()
	}
	return func(file string) ([]byte, error) {
		file, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		// Frames are drawn once they are in view, so the view is as high as the page.
		if err := chromedp.Do(tab, chromedp.EmulateViewport(width, 4000), chromedp.Navigate("file://"+filepath.ToSlash(file))); err != nil {
			return nil, fmt.Errorf("open the page: %w", err)
		}
		height, err := chromedp.Run(tab, chromedp.Evaluate[int64]("Math.ceil(document.body.getBoundingClientRect().bottom) + 12"))
		if err != nil {
			return nil, fmt.Errorf("measure the page: %w", err)
		}
		if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height)); err != nil {
			return nil, fmt.Errorf("measure the page: %w", err)
		}
		picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
		if err != nil {
			return nil, fmt.Errorf("take the picture: %w", err)
		}
		return reduce(picture)
	}, end
}

func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// reduce keeps the colours that occur most: text on a few grounds needs no more,
// and the file has a third of the size.
func reduce(picture []byte) ([]byte, error) {
	in, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("read the picture: %w", err)
	}
	out := image.NewPaletted(in.Bounds(), commonest(in, 32))
	draw.Draw(out, out.Bounds(), in, in.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		return nil, fmt.Errorf("write the picture: %w", err)
	}
	return b.Bytes(), nil
}

func commonest(in image.Image, n int) color.Palette {
	count := map[color.RGBA]int{}
	for y := in.Bounds().Min.Y; y < in.Bounds().Max.Y; y++ {
		for x := in.Bounds().Min.X; x < in.Bounds().Max.X; x++ {
			count[color.RGBAModel.Convert(in.At(x, y)).(color.RGBA)]++
		}
	}
	var palette color.Palette
	for range n {
		best := color.RGBA{}
		for c, times := range count {
			if times > count[best] || times == count[best] && less(best, c) {
				best = c
			}
		}
		if count[best] == 0 {
			break
		}
		palette = append(palette, best)
		delete(count, best)
	}
	return palette
}

// less has the same picture come out each time.
func less(a, b color.RGBA) bool {
	return int(a.R)<<16|int(a.G)<<8|int(a.B) < int(b.R)<<16|int(b.G)<<8|int(b.B)
}
