/*
 * Does a name inside a folder lead out of it? Resolved by hand against what really lies there, link by link.
 */
#ifndef TRAIN_FILES_WITHIN_H
#define TRAIN_FILES_WITHIN_H

/*
 * 1 when 'path' (relative to the folder 'dir_fd') leads out of the folder at any point on its way, through "..", an absolute target or too many
 * links; 0 when it stays inside, whether it exists or not. Opens nothing.
 */
int within_leaves(int dir_fd, const char *path);

#endif
