package page

import (
	"mime"
	"path"
	"strings"

	"postern/vfs"
)

// images are the types that browsers show in an img element. Scripts in SVG do not run there.
var images = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true, "image/bmp": true,
	"image/svg+xml": true, "image/x-icon": true, "image/vnd.microsoft.icon": true, "image/apng": true,
}

// playable are the types that browsers play. Other audio and video would only get a player that fails. The system's
// table also takes go.mod for music and app.mts for a film: the page reads such files to find out.
var playable = map[string]bool{
	"audio/mpeg": true, "audio/mp3": true, "audio/mp4": true, "audio/x-m4a": true, "audio/x-m4b": true,
	"audio/x-m4r": true, "audio/aac": true, "audio/ogg": true, "audio/opus": true, "audio/x-opus+ogg": true,
	"audio/x-vorbis+ogg": true, "audio/flac": true, "audio/x-flac": true, "audio/wav": true, "audio/x-wav": true,
	"audio/vnd.wave": true, "audio/webm": true, "audio/x-matroska": true,
	"video/mp4": true, "video/x-m4v": true, "video/webm": true, "video/ogg": true, "video/x-theora+ogg": true,
	"video/quicktime": true, "video/x-matroska": true, "video/3gpp": true, "video/3gpp2": true,
}

// byExtension is the kind of a file whose stored type is too general, and of texts that are often typed as audio or
// video.
var byExtension = map[string]string{
	".md": "markdown", ".markdown": "markdown",
	".pdf": "pdf",
	".txt": "text", ".log": "text", ".csv": "text", ".ts": "text", ".mts": "text", ".cts": "text", ".mod": "text",
	".sum": "text", ".dts": "text", ".dtsi": "text", ".ass": "text", ".ssa": "text", ".srt": "text", ".vtt": "text",
	".m3u": "text", ".m3u8": "text", ".pls": "text", ".csd": "text", ".orc": "text", ".sco": "text", ".mpl": "text",
	".jpg": "image", ".jpeg": "image", ".png": "image", ".gif": "image", ".webp": "image", ".avif": "image",
	".svg": "image",
	".mp4": "video", ".webm": "video", ".mov": "video", ".mkv": "video", ".m4v": "video", ".ogv": "video",
	".mp3": "audio", ".m4a": "audio", ".ogg": "audio", ".oga": "audio", ".opus": "audio", ".flac": "audio",
	".wav": "audio",
	".zip": "archive", ".gz": "archive", ".tar": "archive", ".tgz": "archive", ".xz": "archive", ".7z": "archive",
	".zst": "archive", ".bz2": "archive", ".rar": "archive",
}

// Plays reports whether browsers play a media type, which must have no parameters and be in lower case.
func Plays(mediaType string) bool { return playable[mediaType] }

// kindOf returns the kind of a file's preview: "image", "audio", "video", "pdf", "markdown", "text", "archive", or
// "file" if only the contents can show it.
func kindOf(m vfs.Info) string {
	if t, _, err := mime.ParseMediaType(m.ContentType); err == nil {
		extension := byExtension[strings.ToLower(path.Ext(m.Name))]
		switch main, _, _ := strings.Cut(t, "/"); {
		case images[t]:
			return "image"
		case (main == "audio" || main == "video") && extension == "text":
			return "text"
		case playable[t]:
			return main
		case t == "application/pdf":
			return "pdf"
		case t == "text/markdown", main == "text" && extension == "markdown":
			return "markdown"
		case main == "text", t == "application/json", t == "application/xml", t == "application/javascript",
			strings.HasSuffix(t, "+xml"), strings.HasSuffix(t, "+json"):
			return "text"
		case main == "audio", main == "video", t != "application/octet-stream" && extension != "archive":
			return "file"
		}
	}
	if kind := byExtension[strings.ToLower(path.Ext(m.Name))]; kind != "" {
		return kind
	}
	return "file"
}

// iconOf returns the name of the icon of a file or folder: that of its kind, even if the kind has no preview.
func iconOf(m vfs.Info) string {
	if m.Folder {
		return "folder"
	}
	switch kind := kindOf(m); kind {
	case "markdown", "pdf":
		return "text"
	case "file":
		switch main, _, _ := strings.Cut(m.ContentType, "/"); main {
		case "audio", "video", "image":
			return main
		}
		return kind
	default:
		return kind
	}
}
