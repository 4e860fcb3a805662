package picture

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

var (
	strong   = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	emphasis = regexp.MustCompile(`\*([^*]+)\*`)
	code     = regexp.MustCompile("`([^`]+)`")
	numbered = regexp.MustCompile(`\A\d+\. `)
)

// markdown renders what the dashboards use of Markdown: headings, paragraphs, numbered lists, strong, emphasis and code.
func markdown(text string) template.HTML {
	var out []string
	list, paragraph := false, false
	end := func() {
		if list {
			out = append(out, "</ol>")
		}
		if paragraph {
			out = append(out, "</p>")
		}
		list, paragraph = false, false
	}
	for _, line := range strings.Split(text, "\n") {
		spans := html.EscapeString(line)
		spans = strong.ReplaceAllString(spans, "<strong>$1</strong>")
		spans = emphasis.ReplaceAllString(spans, "<em>$1</em>")
		spans = code.ReplaceAllString(spans, "<code>$1</code>")
		switch {
		case line == "":
			end()
		case strings.HasPrefix(line, "## "):
			end()
			out = append(out, "<h2>"+spans[3:]+"</h2>")
		case strings.HasPrefix(line, "# "):
			end()
			out = append(out, "<h1>"+spans[2:]+"</h1>")
		case numbered.MatchString(line):
			if !list {
				end()
				out, list = append(out, "<ol>"), true
			}
			out = append(out, "<li>"+numbered.ReplaceAllString(spans, "")+"</li>")
		default:
			if !paragraph {
				end()
				out, paragraph = append(out, "<p>"), true
			}
			out = append(out, spans)
		}
	}
	end()
	return template.HTML(strings.Join(out, "\n")) // the text was escaped before any tag was put in
}
