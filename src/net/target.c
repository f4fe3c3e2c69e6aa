#include "net/target.h"

#include "net/net.h"

struct text text_until(struct text text, char end)
{
	const char *at = text.size ? memchr(text.at, end, text.size) : NULL;
	return at ? (struct text){text.at, (size_t)(at - text.at)} : text;
}

struct text text_after(struct text text, size_t size)
{
	size = size < text.size ? size : text.size;
	return (struct text){text.at + size, text.size - size};
}

static bool is_host_byte(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("-._~!$&'()*+,;=%:[]", c) != NULL;
}

bool host_is_sound(struct text host)
{
	for (size_t i = 0; i < host.size; i++)
		if (!is_host_byte(host.at[i]))
			return false;
	return true;
}

/* "http://host/path" is as good as "/path" (RFC 9112, 3.2.2). The rest of it without scheme and host; NONE: it is not. */
static struct text target_absolute(struct text target)
{
	struct text scheme = text_until(target, ':');
	struct text rest = text_after(target, scheme.size + 3);
	if (!header_is(scheme, TEXT("http")) && !header_is(scheme, TEXT("https")))
		return TEXT_NONE;
	if (target.size < scheme.size + 3 || memcmp(target.at + scheme.size, "://", 3) != 0)
		return TEXT_NONE;
	struct text host = text_until(text_until(rest, '/'), '?');
	if (host.size == 0 || !host_is_sound(host))
		return TEXT_NONE;
	rest = text_after(rest, host.size);
	return rest.size ? rest : TEXT("/");
}

bool target_cut(struct text target, struct text *ret_path, struct text *ret_query)
{
	if (target.size && target.at[0] != '/')
		target = target_absolute(target);
	if (target.size == 0 || memchr(target.at, '#', target.size))
		return false;
	struct text path = text_until(target, '?');
	*ret_query = text_after(target, path.size + 1);
	*ret_path = path.size ? path : TEXT("/");
	return true;
}
