package page

import (
	"mime"
	"path"
	"strings"

	"postern/vfs"
)

// images are the types that browsers show in an img element. Of SVG no script runs there.
var images = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true, "image/bmp": true,
	"image/svg+xml": true, "image/x-icon": true, "image/vnd.microsoft.icon": true, "image/apng": true,
}

// byExtension helps where the stored type says nothing.
var byExtension = map[string]string{
	".md": "markdown", ".markdown": "markdown", ".pdf": "pdf", ".txt": "text", ".log": "text", ".csv": "text",
	".jpg": "image", ".jpeg": "image", ".png": "image", ".gif": "image", ".webp": "image", ".avif": "image", ".svg": "image",
	".mp4": "video", ".webm": "video", ".mov": "video", ".mkv": "video", ".m4v": "video", ".ogv": "video",
	".mp3": "audio", ".m4a": "audio", ".ogg": "audio", ".oga": "audio", ".opus": "audio", ".flac": "audio", ".wav": "audio",
	".zip": "archive", ".gz": "archive", ".tar": "archive", ".tgz": "archive", ".xz": "archive", ".7z": "archive", ".zst": "archive", ".bz2": "archive", ".rar": "archive",
}

// kindOf is how a file is previewed: "image", "audio", "video", "pdf", "markdown", "text", "archive", or "file" when only a
// look inside can tell.
func kindOf(m vfs.Info) string {
	if t, _, err := mime.ParseMediaType(m.ContentType); err == nil {
		extension := byExtension[strings.ToLower(path.Ext(m.Name))]
		switch main, _, _ := strings.Cut(t, "/"); {
		case images[t]:
			return "image"
		case main == "audio", main == "video":
			return main
		case t == "application/pdf":
			return "pdf"
		case t == "text/markdown", main == "text" && extension == "markdown":
			return "markdown"
		case main == "text", t == "application/json", t == "application/xml", t == "application/javascript", strings.HasSuffix(t, "+xml"), strings.HasSuffix(t, "+json"):
			return "text"
		case t != "application/octet-stream" && extension != "archive":
			return "file"
		}
	}
	if kind := byExtension[strings.ToLower(path.Ext(m.Name))]; kind != "" {
		return kind
	}
	return "file"
}

func iconOf(m vfs.Info) string {
	if m.Folder {
		return "folder"
	}
	switch kind := kindOf(m); kind {
	case "markdown", "pdf":
		return "text"
	default:
		return kind
	}
}
