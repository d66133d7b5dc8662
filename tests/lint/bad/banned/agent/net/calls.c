/* sprintf(in, "a comment") is none. */
void
calls(struct plan *plan, char *to, const char *from)
{
	strcpy(to, from);
	sprintf (to, "%d", atoi(from));
	plan->system(plan, "system(3)");
	if (my_strtok(from)) {
		goto out;
	}
	system(from);
out:
	signal(15, stop);
}
