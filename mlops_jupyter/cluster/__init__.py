"""Steps of pipelines on the workers of a Dask cluster, whose machines share no disk with this one.

What they share is the store that ``remote.url`` names. A worker has a project of its own: it
pulls, runs the one step by papermill, as it would be run here, and pushes what it gave, which is
then taken here like that of a step that is known.
"""
