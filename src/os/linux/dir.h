/* os/linux/dir.h -- what files need of their directory; included from this folder only. */
#ifndef OS_LINUX_DIR_H
#define OS_LINUX_DIR_H

#include "os/linux/impl.h"

/* linux_dir_fd -- descriptor of an open directory. */
int linux_dir_fd(struct os_dir *d);

/* linux_file_err -- errno of a file operation as ours. */
enum err linux_file_err(int error);

#endif
